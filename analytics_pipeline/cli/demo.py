"""`demo`: the whole pipeline on simulated platforms, from an empty database to summaries, and what came of it.

Here: the order of steps. Not here: the demo's world and data (`demo_data.py`), its tables (`demo_report.py`).
"""

import os
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from analytics_pipeline.cli.console import console, point_out

DAYS = 120
"""Publish days, today included."""
_RETRY_WINDOW = timedelta(seconds=60)
"""What waits no longer than this is brought home before the demo ends."""


def demo(
    remove: Annotated[
        bool, typer.Option("--remove", help="Remove the demo's data and sandbox, and do nothing else.")
    ] = False,
) -> None:
    """Run the whole pipeline against simulated platforms: three businesses, four platforms, 120 days of posts."""
    from analytics_pipeline.cli import demo_data
    from analytics_pipeline.database import engine

    console.print("Starting PostgreSQL …")
    engine.upgrade()
    if remove:
        if demo_data.forget() and demo_data.foreign_businesses():
            _build_summaries_of_others()
        console.print("The demo's data is removed.")
        return
    demo_data.refuse_foreign_data()
    demo_data.forget()
    _run()


def _build_summaries_of_others() -> None:
    """All that the summaries hold of businesses that stay, as their tables went with the demo."""
    from analytics_pipeline import runs

    console.print("Building the summaries of your own businesses anew …")
    today = datetime.now(UTC).date()
    with runs.dagster_instance() as instance:
        result = runs.run_summaries(instance, today, today)
    if result.success:
        return
    for problem in runs.problems([result]):
        point_out(problem)
    console.print("The demo's data is removed. Your own businesses have no summaries until the next build succeeds.")
    raise typer.Exit(1)


def _run() -> None:
    from analytics_pipeline import runs
    from analytics_pipeline.automation.ranges import chunks
    from analytics_pipeline.cli import demo_data, demo_report
    from analytics_pipeline.cli.progress import posts_progress
    from analytics_pipeline.platform_fetchers import FETCHERS
    from analytics_pipeline.settings import get_settings

    began = datetime.now(UTC)
    first, last = began.date() - timedelta(days=DAYS - 1), began.date()
    os.environ["PLATFORM_WAIT_IN_PLACE"] = "5"  # the demo shows how the ledger waits, not how a run sleeps
    os.environ.setdefault("LOG_LEVEL", "ERROR")  # the report at the end tells the rest better
    world = demo_data.new_world(began, DAYS - 1)  # and the hours of today: no post lies before the first day
    with demo_data.sandbox(world) as sandbox, runs.dagster_instance() as instance:
        os.environ.update(sandbox.environment)  # before the hosts that it names, which are for real accounts
        get_settings.cache_clear()
        demo_data.connect_accounts(world)
        seconds = dict.fromkeys(FETCHERS, 0.0)
        results, account_runs = [], {}
        with posts_progress(console, list(FETCHERS), first, last, began) as progress:
            for platform in FETCHERS:
                for chunk in chunks(first, last, get_settings().backfill_days_per_run):
                    progress.say(f"{platform}: {chunk[0]} to {chunk[1]}")
                    started = time.monotonic()
                    results.append(runs.run_days(instance, platform, *chunk))
                    seconds[platform] += time.monotonic() - started
                account_runs[platform] = runs.run_account_days(instance, platform, first, last)
            deleted = demo_data.until_a_post_is_deleted(world, sandbox)
            day = deleted.published_at.date()
            progress.say(f"a post of {day} was deleted on {deleted.platform}: its day is read again")
            results.append(runs.run_days(instance, deleted.platform, day, day))
            while (due := demo_data.next_due()) is not None and due - datetime.now(UTC) < _RETRY_WINDOW:
                progress.say(f"rate limited until {due:%H:%M:%S} UTC, then the retry sensor comes back")
                time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
                results += runs.run_due(instance)
            progress.say("summaries")
            started = time.monotonic()
            results.append(runs.run_summaries(instance, first, last))
            dbt_seconds = time.monotonic() - started
        number_of_runs = len(results) + len(account_runs)
        demo_report.show(console, sandbox, began, seconds, dbt_seconds, number_of_runs, account_runs)
