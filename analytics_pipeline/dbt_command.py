"""The command `analytics-dbt`: dbt, which starts a second sooner, and connects as DATABASE_URL says.

What dbt imports, and most of what it loads of a parsed project, stays until it ends. A fifth of its time before the first
SQL went to looking for garbage among it.
"""

import gc
import os


def main() -> None:
    """As `dbt`, with the same arguments. `DBT_PG…`, from `engine.dbt_environment`, are libpq's variables of this process."""
    for name, value in list(os.environ.items()):
        if name.startswith("DBT_PG"):
            os.environ[name.removeprefix("DBT_")] = value
    gc.disable()
    from dbt.cli.main import cli

    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    gc.enable()
    cli()
