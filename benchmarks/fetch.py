"""`fetch`: how fast the real sync service reads and stores simulated platforms, next to two limits.

Here: the order of measurements and their tables. Not here: the work that is measured (`syncing.py`, `storing.py`,
`bare.py`), the world (`world.py`).
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated

import typer

from analytics_pipeline.cli.console import errors
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.settings import get_settings
from benchmarks import bare, storing, syncing
from benchmarks.processes import Environment, Sandbox, database_server, in_fresh_process, sandbox
from benchmarks.report import Report, Row
from benchmarks.world import DAYS, least_calls

Fresh = Callable[[str], Environment]
Platforms = Annotated[list[str] | None, typer.Option("--platform", help="Only this platform; may be repeated.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
IntoReadme = Annotated[bool, typer.Option("--readme", help="Put the tables into benchmarks/README.md.")]


def fetch(
    accounts: Annotated[int, typer.Option(min=1, help="Accounts per platform.")] = 20,
    posts: Annotated[int, typer.Option(min=1, help="Posts per account.")] = 1000,
    latency: Annotated[
        int, typer.Option(min=0, help="Milliseconds that every answer of the sandbox takes longer.")
    ] = 50,
    platform: Platforms = None,
    as_json: AsJson = False,
    readme: IntoReadme = False,
) -> None:
    """Measure posts/s, calls and storing of the sync service against the sandbox."""
    report = Report("fetch")
    chosen = platforms_from(platform)
    with database_server() as fresh:
        report.tables["Finding and reading all posts"] = [
            _measure(fresh, each, accounts, posts, latency / 1000) for each in chosen
        ]
        errors.print("storing …")
        report.tables["Storing alone"] = _storing(fresh, accounts * posts)
    report.show(as_json, readme)


def platforms_from(given: list[str] | None) -> list[str]:
    """The platforms of the option, all without it. Raises BadParameter for an unknown one."""
    for platform in given or ():
        if platform not in FETCHERS:
            raise typer.BadParameter(f"unknown platform {platform!r}: choose from {', '.join(FETCHERS)}")
    return given or list(FETCHERS)


def sync_fresh(fresh: Fresh, running: Sandbox, platform: str, accounts: int) -> tuple[Environment, syncing.SyncRun]:
    """A sync of everything into a new database: its settings, and how it went."""
    today = datetime.now(UTC).date()
    environment = {**fresh(f"{platform}_{datetime.now(UTC):%H%M%S%f}"), **running.environment()}
    first = today - timedelta(days=DAYS + 1)
    return environment, in_fresh_process(environment, syncing.sync, platform, accounts, first, today)


def _measure(fresh: Fresh, platform: str, accounts: int, posts: int, latency: float) -> Row:
    errors.print(f"{platform} …")
    with sandbox([platform], accounts, posts, latency) as running:
        idle = running.cpu_seconds()
        environment, run = sync_fresh(fresh, running, platform, accounts)
        sandbox_cpu = running.cpu_seconds() - idle
        log = running.log()
        billed = running.billed()
        bare_seconds = in_fresh_process(environment, bare.replay, platform, accounts, log)
    prices = get_settings().twitter_prices
    dollars = sum((getattr(prices, price) for day in billed.values() for price in day.values()), Decimal(0))
    least = accounts * least_calls(platform, posts)
    limit = least * latency / get_settings().sync_threads
    return {
        "platform": platform,
        "posts": run.posts,
        "failed": run.failed,
        "seconds": round(run.seconds, 2),
        "posts_per_second": round(run.posts / run.seconds),
        "calls": len(log),
        "least_calls": least,
        "limit_a_seconds": round(limit, 2),
        "times_limit_a": round(run.seconds / limit, 2) if limit else None,
        "bare_loop_seconds": round(bare_seconds, 2),
        "times_bare_loop": round(run.seconds / bare_seconds, 2),
        "cpu_seconds": round(run.cpu_seconds, 2),
        "sandbox_cpu_seconds": round(sandbox_cpu, 2),
        "peak_mb": round(run.peak_bytes / 1e6),
        "usd": float(dollars) if platform == "twitter" else None,
    }


def _storing(fresh: Fresh, rows: int) -> list[Row]:
    compared = in_fresh_process(fresh("storing"), storing.compare, rows)
    bare = {
        "figures alone": compared.bare_figures_per_second,
        "the same rows: figures and replies": compared.bare_per_second,
    }
    return [
        {
            "rows": compared.rows,
            "rows_per_transaction": each,
            "stored_per_second": round(ours),
            "bare_copy_and_merge": of,
            "per_second": round(per_second),
            "share": round(ours / per_second, 2),
        }
        for each, ours in ((storing.TOGETHER, compared.stored_per_second), (compared.rows, compared.at_once_per_second))
        for of, per_second in bare.items()
    ]
