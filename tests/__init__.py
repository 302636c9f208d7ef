"""The tests. What must stand in the environment before anything of the package is imported is set here."""

import os

os.environ["ANALYTICS_START_DATE"] = "2013-01-01"  # the partitions reach back to the oldest real figures
