"""`calls`: how many calls one account costs, counted at the sandbox.

Not here: how long they take (`fetch.py`).
"""

from typing import Annotated

import typer

from benchmarks import syncing
from benchmarks.fetch import AsJson, IntoReadme, Platforms, platforms_from, sync_fresh
from benchmarks.processes import database_server, in_fresh_process, sandbox
from benchmarks.report import Report, Row

AT_MOST = {"twitter": 10, "linkedin": 40, "facebook": 40, "instagram": 40}
"""Calls that one refresh of 1,000 posts of an account may cost."""


def calls(
    posts: Annotated[int, typer.Option(min=1, help="Posts of the account.")] = 1000,
    platform: Platforms = None,
    as_json: AsJson = False,
    readme: IntoReadme = False,
) -> None:
    """Count the calls that one account costs: found for the first time, and all posts refreshed."""
    report = Report("calls")
    rows: list[Row] = []
    with database_server() as fresh:
        for each in platforms_from(platform):
            with sandbox([each], 1, posts, 0) as running:
                environment, run = sync_fresh(fresh, running, each, 1)
                began = run.reading_began
                found = running.log()
                in_fresh_process(environment, syncing.refresh, each)
                refreshed = running.log()
            listing = sum(record.at < began for record in found)
            rows.append(
                {
                    "platform": each,
                    "posts": run.posts,
                    "listing_calls": listing,
                    "reading_calls": len(found) - listing,
                    "calls_of_a_refresh": len(refreshed),
                    "posts_handed_out_by_it": sum(record.posts_returned for record in refreshed),
                    "at_most_for_1000_posts": AT_MOST[each],
                }
            )
    report.tables["Calls for one account"] = rows
    report.show(as_json, readme)
