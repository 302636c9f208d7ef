"""`backfill`: read the posts of past days again, as Dagster runs."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from analytics_pipeline.cli.console import console, point_out


def backfill(
    platform: Annotated[list[str], typer.Option(help="Platform to read; may be repeated.")],
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First publish day (UTC).")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last publish day (UTC), included.")],
    failed_only: Annotated[
        bool, typer.Option("--failed-only", help="Only days that failed, were given up or were never read.")
    ] = False,
) -> None:
    """List and read the posts of past days, newest first, and the accounts' own figures; then rebuild summaries."""
    from analytics_pipeline import runs
    from analytics_pipeline.automation.ranges import chunks
    from analytics_pipeline.cli import demo_data
    from analytics_pipeline.cli.progress import posts_progress
    from analytics_pipeline.database import engine
    from analytics_pipeline.platform_fetchers import FETCHERS
    from analytics_pipeline.settings import get_settings
    from analytics_pipeline.sync.errors import InvalidRequestError

    platform = list(dict.fromkeys(platform))
    start, end = first.date(), last.date()
    settings = get_settings()
    for name in platform:
        if name not in FETCHERS:
            raise InvalidRequestError(f"unknown platform {name!r}: choose from {', '.join(FETCHERS)}")
    if start > end:
        raise InvalidRequestError(f"--from {start} is after --to {end}")
    if start < settings.analytics_start_date:
        raise InvalidRequestError(
            f"--from {start} is before the first partition {settings.analytics_start_date}: set ANALYTICS_START_DATE"
        )
    if end > datetime.now(UTC).date():
        raise InvalidRequestError(f"--to {end} is in the future")
    engine.upgrade()
    demo_data.refuse_unless_served(platform)
    if failed_only:
        platform = [name for name in platform if _release(name, start, end)]
        if not platform:
            console.print("Nothing failed and nothing is missing.")
            return
    began = datetime.now(UTC)
    results = []
    with runs.dagster_instance() as instance, posts_progress(console, platform, start, end, began) as progress:
        for name in platform:
            for chunk in chunks(start, end, settings.backfill_days_per_run):
                progress.say(f"{name} {chunk[0]} to {chunk[1]}")
                results.append(runs.run_days(instance, name, *chunk, only_due=failed_only))
            if not failed_only:
                progress.say(f"{name} accounts")
                results.append(runs.run_account_days(instance, name, start, end))
        progress.say("summaries")
        summaries = runs.run_summaries(instance, start, end)
    for problem in runs.problems([*results, summaries]):
        point_out(problem)
    failed = sum(not result.success for result in (*results, summaries))
    console.print(f"{len(results)} runs and 1 of summaries, {failed} with failures. See them: analytics-pipeline dev")
    if failed:
        raise typer.Exit(1)


def _release(platform: str, first: date, last: date) -> int:
    from analytics_pipeline.database import engine
    from analytics_pipeline.sync import ledger

    with engine.new_session() as session:
        due = ledger.release_failed(session, platform, first, last)
        session.commit()
    return due
