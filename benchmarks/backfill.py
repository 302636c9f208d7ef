"""`backfill`: how long the command `analytics-pipeline backfill` takes for a year of posts on every platform.

Here: the command as a process of its own, its time, its memory, what it stored. Not here: the world (`world.py`).
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import NullPool, create_engine, make_url, text

from analytics_pipeline.cli.console import errors
from analytics_pipeline.settings import get_settings
from benchmarks import syncing
from benchmarks.fetch import AsJson, IntoReadme, Platforms, platforms_from
from benchmarks.processes import Environment, Sandbox, database_server, in_fresh_process, sandbox
from benchmarks.report import Report, Row

_DATABASE = "backfill"
_STORED = text("""
select
    (select count(*) from post_analytics) as readings,
    (select count(*) from sync_units where state <> 'done') as units_left,
    (select sum(total_posts) from analytics_summaries where period_type = 'daily' and platform = 'all') as summarised
""")
_RUNS = text("""
select pipeline_name as job, lower(status) as status, count(*) as runs, sum(end_time - start_time) as seconds,
    max(end_time - start_time) as longest
from runs group by pipeline_name, status order by pipeline_name, status
""")


@dataclass(frozen=True, slots=True)
class _Ended:
    """A process that has ended well. `peak_bytes` is the largest resident memory of it, or of one that it started."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def backfill(
    accounts: Annotated[int, typer.Option(min=1, help="Accounts per platform.")] = 10,
    posts: Annotated[int, typer.Option(min=1, help="Posts per account.")] = 1000,
    days: Annotated[int, typer.Option(min=1, help="Publish days, today included, over which they are spread.")] = 365,
    platform: Platforms = None,
    as_json: AsJson = False,
    readme: IntoReadme = False,
) -> None:
    """Measure a backfill of many days as a user starts it: Dagster runs, raw days, account days, summaries."""
    report = Report("backfill")
    chosen = platforms_from(platform)
    first, last = publish_days(days)
    with connected_accounts(chosen, accounts, posts, days) as (environment, running):
        ended = _run(environment, chosen, first, last)
        calls = len(running.log())
        sandbox_cpu = running.cpu_seconds()
        url = environment["DATABASE_URL"]
        (stored,), its_runs = what_is_stored(url), runs(url)
    report.tables["A backfill"] = [
        {
            "days": days,
            "platforms": len(chosen),
            "posts_per_platform": accounts * posts,
            "seconds": round(ended.seconds, 1),
            "readings_stored": stored["readings"],
            "posts_in_summaries": int(stored["summarised"] or 0),
            "units_left": stored["units_left"],
            "calls": calls,
            "days_per_run": get_settings().backfill_days_per_run,
            "cpu_seconds": round(ended.cpu_seconds, 1),
            "sandbox_cpu_seconds": round(sandbox_cpu, 1),
            "peak_mb": round(ended.peak_bytes / 1e6),
        }
    ]
    report.tables["Its runs"] = its_runs
    report.show(as_json, readme)


def publish_days(days: int) -> tuple[date, date]:
    """The first and the last of so many, today included."""
    last = datetime.now(UTC).date()
    return last - timedelta(days=days - 1), last


@contextmanager
def connected_accounts(
    platforms: Sequence[str], accounts: int, posts: int, days: int, **settings: str
) -> Iterator[tuple[Environment, Sandbox]]:
    """A new database with the accounts of a sandbox connected, and dbt's project parsed: what a backfill starts from."""
    from analytics_pipeline.assets.analytics_summaries import manifest_path  # seconds of imports

    manifest_path()  # parsed once in a checkout's life
    with database_server() as fresh, sandbox(platforms, accounts, posts, 0, days - 1) as running:
        # Days that a newly connected account owes would be asked for by sensors, of which none should run here.
        start = {"ANALYTICS_START_DATE": publish_days(days)[0].isoformat()}
        environment = {**fresh(_DATABASE), **running.environment(), **start, **settings}
        for platform in platforms:
            in_fresh_process(environment, syncing.connect_accounts, platform, accounts)
        errors.print(f"{len(platforms)} x {accounts * posts:,} posts, {days} days …")
        yield environment, running


def _run(environment: Environment, platforms: Sequence[str], first: date, last: date) -> _Ended:
    """The command, from the start of its process to its end. Raises RuntimeError where it fails."""
    command = [str(Path(sys.executable).with_name("analytics-pipeline")), "backfill", f"--from={first}", f"--to={last}"]
    command += [f"--platform={platform}" for platform in platforms]
    started = time.perf_counter()
    process = subprocess.Popen(command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise RuntimeError(f"{' '.join(command[1:])} ended with {process.returncode}")
    peak = usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024
    return _Ended(seconds, usage.ru_utime + usage.ru_stime, peak)


def what_is_stored(url: str) -> list[dict[str, Any]]:
    """One row: readings, units that are not done, posts in the summaries of the pipeline's database."""
    return _rows(url, _STORED)


def runs(url: str) -> list[Row]:
    """Runs and their seconds, per job and how they ended, beside the pipeline's database."""
    found = _rows(make_url(url).set(database=f"{_DATABASE}_dagster").render_as_string(hide_password=False), _RUNS)
    return [{**row, "seconds": round(row["seconds"], 1), "longest": round(row["longest"], 1)} for row in found]


def _rows(url: str, statement: Any) -> list[dict[str, Any]]:
    with create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool).connect() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]
