"""`memory`: whether the memory of a sync grows with the number of posts.

Not here: how fast it is (`fetch.py`).
"""

from typing import Annotated

import typer

from benchmarks import syncing
from benchmarks.fetch import AsJson, Fresh, IntoReadme, Platforms, platforms_from, sync_fresh
from benchmarks.processes import database_server, sandbox
from benchmarks.report import Report, Row


def memory(
    accounts: Annotated[int, typer.Option(min=1, help="Accounts, and ten times as many.")] = 10,
    posts: Annotated[int, typer.Option(min=1, help="Posts per account.")] = 1000,
    platform: Platforms = None,
    as_json: AsJson = False,
    readme: IntoReadme = False,
) -> None:
    """Measure the peak memory of the sync process for some posts and for ten times as many."""
    report = Report("memory")
    with database_server() as fresh:
        report.tables["Memory"] = [_memory(fresh, each, accounts, posts) for each in platforms_from(platform)]
    report.show(as_json, readme)


def _memory(fresh: Fresh, platform: str, accounts: int, posts: int) -> Row:
    runs: list[syncing.SyncRun] = []
    for each in (accounts, 10 * accounts):
        with sandbox([platform], each, posts, 0) as running:
            runs.append(sync_fresh(fresh, running, platform, each)[1])
    smaller, larger = runs
    return {
        "platform": platform,
        "posts": smaller.posts,
        "peak_mb": round(smaller.peak_bytes / 1e6),
        "more_posts": larger.posts,
        "their_peak_mb": round(larger.peak_bytes / 1e6),
    }
