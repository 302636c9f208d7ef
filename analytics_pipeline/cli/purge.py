"""`purge`: delete what is too old to keep, after showing what that is."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from analytics_pipeline.cli.console import Cell, console, table


def purge(yes: Annotated[bool, typer.Option("--yes", help="Delete; without it, only count.")] = False) -> None:
    """Show what is older than RAW_RETENTION_DAYS and RUN_RETENTION_DAYS; with --yes, delete it, as the daily job does."""
    from analytics_pipeline import runs
    from analytics_pipeline.automation.purge import purge as purge_now
    from analytics_pipeline.database import engine

    engine.upgrade()
    with runs.dagster_instance() as instance, engine.new_session() as session:
        gone = list(purge_now(session, instance, datetime.now(UTC), dry_run=not yes))
    rows: list[dict[str, Cell]] = [
        {"what": purged.what, "deleted" if yes else "too old": purged.count} for purged in gone
    ]
    console.print(table("Purge", rows, empty=""))
    if not yes and any(purged.count for purged in gone):
        console.print("Nothing is deleted yet: analytics-pipeline purge --yes")
