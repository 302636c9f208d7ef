"""A backfill is stopped in the middle, by Ctrl-C or killed: no process is left, no observation lost, none twice."""

import os
import signal
import subprocess
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Date, Engine, NullPool, cast, create_engine, func, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PostAnalytics, SyncUnit
from analytics_pipeline.sandbox.model import Account, Observation, Post
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import World
from analytics_pipeline.sync.accounts import connect
from tests.end_to_end.command_line import CommandLine

DAYS, POSTS_PER_DAY, ACCOUNTS = 40, 7, ("10", "20")
POSTS = DAYS * POSTS_PER_DAY * len(ACCOUNTS)
PATIENCE = timedelta(seconds=90)


def world(last: date) -> World:
    """Two pages with seven posts on each day: the batches of fifty begin and end within days."""
    accounts = [Account("linkedin", number, f"Page {number}", access_token=f"token-of-{number}") for number in ACCOUNTS]
    posts, observations = [], []
    for account in accounts:
        for n in range(DAYS * POSTS_PER_DAY):
            day = datetime.combine(last - timedelta(days=n // POSTS_PER_DAY), datetime.min.time(), UTC)
            urn = f"urn:li:share:{account.external_id}{n:06d}"
            posts.append(Post("linkedin", account.external_id, urn, day + timedelta(hours=1 + n % POSTS_PER_DAY)))
            observations.append(Observation("linkedin", urn, day, likes=n, comments=0, shares=0, impressions=1000))
    return World("killed", accounts, posts, observations)


def connect_pages(engine: Engine) -> None:
    """Both pages, to one business."""
    with Session(engine) as session, session.begin():
        session.add(Business(name="Acme"))
        session.flush()
        for number in ACCOUNTS:
            connect(session, session.get_one(Business, 1), "linkedin", number, f"token-of-{number}")


def stored(engine: Engine) -> dict[tuple[str, date], int]:
    """How many observations there are of each post and day of reading."""
    day = cast(func.timezone("UTC", PostAnalytics.fetched_at), Date)
    query = select(PostAnalytics.platform_post_id, day, func.count()).group_by(PostAnalytics.platform_post_id, day)
    with engine.connect() as connection:
        return {(post, read_on): n for post, read_on, n in connection.execute(query)}


def moments(engine: Engine) -> set[tuple[str, datetime]]:
    """Each observation, with when it was read."""
    with engine.connect() as connection:
        found = connection.execute(select(PostAnalytics.platform_post_id, PostAnalytics.fetched_at))
        return {(post, moment) for post, moment in found}


def states(engine: Engine) -> Counter[str]:
    """Units of the ledger by state."""
    with engine.connect() as connection:
        return Counter(connection.scalars(select(SyncUnit.state)))


def runs_in_dagster(engine: Engine) -> Counter[str]:
    """Runs by status, in Dagster's own database."""
    dagster = create_engine(engine.url.set(database=f"{engine.url.database}_dagster"), poolclass=NullPool)
    with dagster.connect() as connection:
        return Counter(connection.scalars(text("select status from runs")))


def await_observations(engine: Engine, backfill: "subprocess.Popen[str]") -> None:
    """Waits until a quarter is stored: the second of the two runs has not begun."""
    deadline = datetime.now(UTC) + PATIENCE
    while len(stored(engine)) < POSTS // 4:
        assert backfill.poll() is None, backfill.communicate()
        assert datetime.now(UTC) < deadline, "the backfill does not get going"
        time.sleep(0.02)


def await_end_of_group(group: int) -> None:
    """Waits for what Dagster starts beside a run (readers of its logs) to notice that it is alone, and to end."""
    deadline = datetime.now(UTC) + PATIENCE
    while datetime.now(UTC) < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    raise AssertionError(f"process group {group} is still there")


@pytest.mark.timeout(300)
def test_ctrl_c_stops_a_backfill_and_leaves_no_process(engine: Engine, tmp_path: Path) -> None:
    last = datetime.now(UTC).date() - timedelta(days=1)
    connect_pages(engine)
    with SandboxServer(world(last)) as sandbox:
        command = CommandLine(sandbox, tmp_path / "home", BACKFILL_DAYS_PER_RUN="20")
        sandbox.script_fault("delay", path_contains="ShareStatistics", seconds=0.5, times=0)
        period = ("--from", str(last - timedelta(days=DAYS - 1)), "--to", str(last))
        backfill = command.start("backfill", "--platform", "linkedin", *period)
        await_observations(engine, backfill)
        os.killpg(backfill.pid, signal.SIGINT)
        output, errors = backfill.communicate(timeout=PATIENCE.total_seconds())
        await_end_of_group(backfill.pid)
    assert backfill.returncode == 130, output
    assert "Stopped. What was finished is stored." in errors
    assert "Traceback" not in errors
    assert POSTS // 4 <= len(stored(engine)) < POSTS
    assert runs_in_dagster(engine) == {"FAILURE": 1}


@pytest.mark.timeout(300)
def test_a_killed_backfill_goes_on_without_loss(engine: Engine, tmp_path: Path) -> None:
    last = datetime.now(UTC).date() - timedelta(days=1)
    period = ("--from", str(last - timedelta(days=DAYS - 1)), "--to", str(last))
    connect_pages(engine)
    with SandboxServer(world(last)) as sandbox:
        command = CommandLine(sandbox, tmp_path / "home", BACKFILL_DAYS_PER_RUN="20")
        sandbox.script_fault("delay", path_contains="ShareStatistics", seconds=0.5, times=0)
        backfill = command.start("backfill", "--platform", "linkedin", *period)
        await_observations(engine, backfill)
        backfill.send_signal(signal.SIGKILL)
        backfill.communicate()
        before = moments(engine)
        assert POSTS // 4 <= len(before) < POSTS
        assert states(engine)["running"] > 0
        await_end_of_group(backfill.pid)

        sandbox.state.faults.clear()
        command.run("backfill", "--platform", "linkedin", "--failed-only", *period)

    after = stored(engine)
    assert before <= moments(engine), "what was stored is not read again"
    assert set(after.values()) == {1}
    assert len({post for post, _ in after}) == POSTS
    assert states(engine) == {"done": DAYS * len(ACCOUNTS)}
    with engine.connect() as connection:
        total, likes = connection.execute(
            text(
                "select sum(total_posts), sum(total_likes) from analytics_summaries"
                " where period_type = 'daily' and platform = 'linkedin'"
            )
        ).one()
    assert (total, likes) == (POSTS, len(ACCOUNTS) * sum(range(DAYS * POSTS_PER_DAY)))
    assert runs_in_dagster(engine) == {"FAILURE": 1, "SUCCESS": 3}, "the killed one, then two and the summaries"
    assert not (command.home / "postgres").exists(), "with DATABASE_URL, no embedded server is made"
