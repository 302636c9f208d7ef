"""The demo, over fewer days than a person sees, in a process and a home of its own."""

import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import psycopg
from sqlalchemy import URL

from analytics_pipeline.assets.shared import table
from analytics_pipeline.cli.demo_report import unread_accounts
from analytics_pipeline.database.engine import libpq_url

SHORT_DEMO = """
from analytics_pipeline.cli import demo, main
demo.DAYS = 21
main()
"""


def test_the_demo_shows_what_it_promises(database_url: URL, tmp_path: Path) -> None:
    url = libpq_url(database_url)
    environment = os.environ | {"DATABASE_URL": url, "ANALYTICS_HOME": str(tmp_path / "home"), "COLUMNS": "200"}
    environment["TWITTER_BASE_URL"] = "http://127.0.0.1:1"  # the demo calls nobody's hosts but its own
    command = [sys.executable, "-W", "ignore", "-c", SHORT_DEMO, "demo"]

    began = datetime.now(UTC)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250, check=False)
    ended = datetime.now(UTC)

    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    shown = done.stdout
    assert "post_video_views is retired" in shown
    assert "days: needs reauth" in shown
    assert "a post: gone" in shown
    months_table = shown.partition(", by month of publication")[2].partition("What could not be synced")[0]
    months = set(re.findall(r"\n (\d{4}-\d\d\*?) ", months_table))
    assert months
    # The report was made between the two, which may lie in two months.
    assert months in (
        {f"{month[:7]}{'*' * (month[:7] >= f'{moment:%Y-%m}')}" for month in months} for moment in (began, ended)
    )
    assert ("*: not over yet." in shown) == any("*" in month for month in months)
    assert re.search(
        r"instagram +Verdant Home Studio +account figures +instagram: Error validating access token", shown
    )
    synced_table = shown.partition("\nSynced")[2].partition("\nSummaries: ")[0]
    twitter = next(line for line in synced_table.splitlines() if line.startswith(" twitter "))
    _, posts, synced, failed, refused, *_ = twitter.split()
    assert (synced, failed) == (posts, "0"), "what was rate limited came home"
    assert int(refused) > 0
    with psycopg.connect(url) as connection:
        units = {state for (state,) in connection.execute("select distinct state from sync_units").fetchall()}
        tokens = connection.execute(
            "select count(*) from social_accounts where access_token like 'sandbox%'"
        ).fetchone()
        sums = connection.execute(
            "select sum(total_posts), sum(total_likes) from analytics_summaries"
            " where period_type = 'daily' and platform <> 'all'"
        ).fetchone()
        latest = connection.execute("select count(*), sum(likes_count) from published_posts").fetchone()
        raw = connection.execute(
            "select count(*) from raw_observations where payload::text like '%sandbox-%'"
        ).fetchone()
        reasons = connection.execute("select count(*) from sync_units where error_message like '%sandbox-%'").fetchone()
    with psycopg.connect(libpq_url(database_url.set(database=f"{database_url.database}_dagster"))) as dagster:
        events, leaks = dagster.execute(
            "select count(*), count(*) filter (where event like '%sandbox-%') from event_logs"
        ).fetchone() or (0, 0)
        bodies = dagster.execute("select count(*) from runs where run_body like '%sandbox-%'").fetchone()
    files = [file for file in (tmp_path / "home").rglob("*") if file.is_file() and "demo_world" not in file.parts]
    assert units == {"done", "needs_reauth"}
    assert tokens == (0,), "tokens are encrypted at rest"
    assert sums == latest
    assert events > 500
    assert (leaks, bodies, raw, reasons) == (0, (0,), (0,), (0,)), "every token of the demo's world begins like this"
    assert "sandbox-" not in shown
    assert not [file for file in files if b"sandbox-" in file.read_bytes()]


def test_account_figures_that_could_not_be_read_are_named_with_the_reason() -> None:
    @dg.asset
    def some_of_them() -> dg.MaterializeResult:  # type: ignore[type-arg]
        accounts = [{"account": "Roasters", "problem": "too many calls"}, {"account": "Cycles"}]
        return dg.MaterializeResult(metadata={"accounts": table(accounts)})

    @dg.asset
    def none_of_them() -> None:
        raise dg.Failure("no account gave figures", allow_retries=False)

    runs = {asset.key.path[-1]: dg.materialize([asset], raise_on_error=False) for asset in (some_of_them, none_of_them)}
    assert unread_accounts(runs) == [
        {"platform": "some_of_them", "account": "Roasters", "what": "account figures", "why": "too many calls"},
        {"platform": "none_of_them", "account": "all", "what": "account figures", "why": "no account gave figures"},
    ]
