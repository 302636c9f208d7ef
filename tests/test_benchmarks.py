"""The benchmarks' commands, from start to end, on a very small world."""

import json
import subprocess
import sys
from typing import Any

import pytest

from analytics_pipeline.settings import PROJECT_DIR


def run(*arguments: str) -> dict[str, Any]:
    """What a command of the benchmarks prints as JSON."""
    command = [sys.executable, "-m", "benchmarks", *arguments, "--json"]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def test_fetch_reads_every_post_in_the_least_calls() -> None:
    printed = run("fetch", "--accounts", "2", "--posts", "30", "--latency", "1", "--platform", "facebook")

    (row,) = printed["tables"]["Finding and reading all posts"]
    assert (row["posts"], row["failed"]) == (60, 0)
    assert row["calls"] == row["least_calls"] == 2 * (1 + 1), "a page of the listing, and a batch for the reels"
    assert row["limit_a_seconds"] == 0.0
    assert row["bare_loop_seconds"] > 0
    storing = printed["tables"]["Storing alone"]
    assert [(each["rows"], each["rows_per_transaction"]) for each in storing] == [(60, 100)] * 2 + [(60, 60)] * 2
    for each in storing:  # the speeds are shown without their fractions
        assert each["share"] == pytest.approx(each["stored_per_second"] / each["per_second"], abs=0.01)
    assert printed["command"].startswith("python -m benchmarks fetch --accounts 2")


def test_calls_counts_listing_reading_and_refresh() -> None:
    printed = run("calls", "--posts", "100", "--platform", "twitter")

    (row,) = printed["tables"]["Calls for one account"]
    assert (row["posts"], row["listing_calls"], row["reading_calls"]) == (100, 2, 0), "30 days and what is older"
    assert (row["calls_of_a_refresh"], row["posts_handed_out_by_it"]) == (2, 100), "what is older once more, by itself"


@pytest.mark.timeout(900)  # nine processes of dbt
def test_rollup_measures_every_build_and_no_call_parses() -> None:
    tables = run("rollup", "--posts", "960", "--rounds", "1")["tables"]

    built = ["analytics_summaries", "all marts"]
    assert [(row["observations"], row["built"]) for row in tables["First build"]] == [(28_800, each) for each in built]
    more = tables["One more day of readings for all posts"]
    assert [(row["readings"], row["built"]) for row in more] == [(960, each) for each in built]
    changed = tables["One changed publish day"]
    assert [(row["posts"], row["built"]) for row in changed] == [
        (80, each) for each in [*built, "dbt's tests of all marts"]
    ]
    assert len(tables["Yardsticks"]) == 3
    assert all(row["sql_seconds"] > 0 for rows in (more, changed, tables["Yardsticks"]) for row in rows)
    (calls,) = tables["One call of dbt"]
    assert (calls["calls"], calls["calls_that_parsed"]) == (3, 0)


def test_memory_compares_some_posts_with_ten_times_as_many() -> None:
    printed = run("memory", "--accounts", "1", "--posts", "30", "--platform", "twitter")

    (row,) = printed["tables"]["Memory"]
    assert (row["posts"], row["more_posts"]) == (30, 300)
    assert 0 < row["peak_mb"] <= row["their_peak_mb"] * 1.1


def test_backfill_reads_every_post_by_the_command() -> None:
    printed = run("backfill", "--accounts", "2", "--posts", "6", "--days", "3", "--platform", "twitter")

    (row,) = printed["tables"]["A backfill"]
    assert (row["readings_stored"], row["posts_in_summaries"], row["units_left"]) == (12, 12, 0)
    assert {run["job"]: run["runs"] for run in printed["tables"]["Its runs"]} == {
        "summaries": 1,
        "twitter_account_analytics": 1,
        "twitter_sync": 1,
    }
