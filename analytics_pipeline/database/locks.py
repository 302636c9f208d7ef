"""The first keys of our advisory locks, one for each kind: what they hold never stands in another's way.

Not here: what is locked, and by whom.
"""

from typing import Final

ACCOUNTS: Final = 0x5EC
"""An account is worked on; the second key is its id."""

RUNS: Final = 0x5ED
"""A run lives; the second key is made of its id."""

SEARCHES: Final = 0x5EE
"""A retired metric is searched for; the second key is made of the platform."""
