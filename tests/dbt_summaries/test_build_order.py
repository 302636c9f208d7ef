"""Whatever the order in which days are built, the marts end up the same: those of the references.

Tables are first made without any data, then all days are built in parts in a random order; later posts change, move
and go, and the changed days are built one by one, again in a random order. Not here: what one build leaves untouched
(`test_analytics_summaries.py`, `test_history_marts.py`, `test_account_marts.py`).
"""

from collections.abc import Iterable
from datetime import date, timedelta
from random import Random, randrange

import pytest
from sqlalchemy import Engine, text

from tests.dbt_summaries import test_account_marts as accounts
from tests.dbt_summaries import test_analytics_summaries as summaries
from tests.dbt_summaries import test_history_marts as history
from tests.dbt_summaries.accounts_worlds import FIRST_CHANGED, LAST_CHANGED, changed, generated_world, store_accounts
from tests.dbt_summaries.conftest import Dbt, read_summaries
from tests.dbt_summaries.history_worlds import History, store_history
from tests.dbt_summaries.reference import coverage
from tests.dbt_summaries.reference import summaries as expected_summaries

Days = tuple[date, date]
OF_HISTORY = ("analytics_summaries", "summary_coverage", *history.MARTS)


@pytest.fixture
def random() -> Random:
    """Its seed is shown when the test fails."""
    seed = randrange(10**6)
    print(f"Random({seed})")
    return Random(seed)


def parts(days: Iterable[date], random: Random) -> list[Days]:
    """All days from the first to the last, cut into three ranges, shuffled."""
    known = sorted(set(days))
    cuts = sorted(random.sample(known[1:], 2))
    starts, ends = [known[0], *cuts], [*(cut - timedelta(days=1) for cut in cuts), known[-1]]
    ranges = list(zip(starts, ends, strict=True))
    random.shuffle(ranges)
    return ranges


def one_by_one(first: date, last: date, random: Random) -> list[Days]:
    """Each day as a range of its own, shuffled."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    random.shuffle(days)
    return [(day, day) for day in days]


def build(dbt: Dbt, marts: Iterable[str], ranges: Iterable[Days]) -> None:
    for days in ranges:
        outcome = dbt("run", "--select", *(f"+{mart}" for mart in marts), days=days)
        assert outcome.succeeded, (days, outcome.messages)


def assert_history(engine: Engine, world: History) -> None:
    posts = world.posts
    summaries.assert_figures(read_summaries(engine), expected_summaries(posts), posts)
    summaries.assert_figures(read_summaries(engine, "summary_coverage"), coverage(posts), posts)
    history.assert_marts(engine, world)


def test_summaries_and_history_in_any_order(engine: Engine, dbt: Dbt, random: Random) -> None:
    first, last = date(2019, 12, 31), date(2020, 1, 2)
    earlier, later = history.histories(first, last)
    assert dbt("run").succeeded
    store_history(engine, earlier)
    published = [post.published_at.date() for posts in earlier.posts.values() for post in posts.values()]
    reported = [day for days in earlier.accounts.values() for *_, day in days]
    build(dbt, OF_HISTORY, parts([*published, *reported], random))
    assert_history(engine, earlier)

    store_history(engine, later)
    build(dbt, OF_HISTORY, one_by_one(first, last, random))
    assert_history(engine, later)


def test_accounts_in_any_order(engine: Engine, dbt: Dbt, random: Random) -> None:
    world = generated_world(9)
    assert dbt("run").succeeded
    store_accounts(engine, world)
    published = [post["published_at"].date() for post in world.published_posts]
    build(dbt, accounts.KEYS, parts(published, random))
    accounts.assert_marts(accounts.read_marts(engine), world)

    later = changed(world, seed=random.randrange(1000))
    store_accounts(engine, later)
    build(dbt, accounts.KEYS, one_by_one(FIRST_CHANGED, LAST_CHANGED, random))
    accounts.assert_marts(accounts.read_marts(engine), later)


def test_builds_do_not_wait_for_autovacuum(engine: Engine, dbt: Dbt, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is ended where others wait for it, a second later, and would never come to its end."""
    gains = ("run", "--select", "+post_daily_gains")
    day = date(2020, 1, 1)
    assert dbt(*gains).succeeded
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=3s")
    with engine.begin() as vacuum:
        vacuum.execute(text("LOCK TABLE int_reading_days, post_daily_gains IN SHARE UPDATE EXCLUSIVE MODE"))
        outcome = dbt(*gains, days=(day, day))
        assert outcome.succeeded, outcome.messages


FIRST = ("int_posts", "int_publish_days", "int_reading_days", "int_account_days", "account_growth")
SECOND = (
    "analytics_summaries", "summary_coverage", "post_performance", "posting_times", "content_types", "int_account_months",
    "platform_coverage", "post_daily_gains",
)  # fmt: skip
THIRD = ("activity_summaries", "benchmarks")


def test_whatever_is_built_waits_for_who_builds_it_or_what_it_is_made_of(
    engine: Engine, dbt: Dbt, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert dbt("run").succeeded
    monkeypatch.setenv("PGOPTIONS", "-c lock_timeout=300ms")
    for built_elsewhere, waiting in (
        (FIRST, FIRST),
        (SECOND, SECOND),
        (THIRD, THIRD),
        (["int_reading_days"], ["post_daily_gains", "platform_coverage"]),
        (["int_reading_days"], ["activity_summaries"]),
        (["int_account_days"], ["activity_summaries", "platform_coverage"]),
        (["post_daily_gains"], ["activity_summaries"]),
    ):
        with engine.begin() as other_run:
            for table in built_elsewhere:
                name = f'"{engine.url.database}"."public"."{table}"'
                other_run.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})
            outcome = dbt("run", "--select", *waiting, days=(date(2020, 1, 1), date(2020, 1, 1)))
        assert outcome.statuses == dict.fromkeys(waiting, "error"), built_elsewhere
        assert str(outcome.messages).count("lock timeout") >= len(waiting)
