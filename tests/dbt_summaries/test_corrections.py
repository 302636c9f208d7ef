"""What is corrected afterwards, or removed: a publish date by months, the business of an account, likes below zero.

Not here: corrections of a few days, in any mixture (`test_build_order.py`).
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from tests.dbt_summaries.conftest import Dbt
from tests.dbt_summaries.history_worlds import ACCOUNT_FIGURES, History, store_history
from tests.dbt_summaries.worlds import Post, Reading, store


def post(month: int, day: int, likes: int) -> Post:
    """Read once, two hours after it was published."""
    at = datetime(2026, month, day, 12, tzinfo=UTC)
    return Post("linkedin", at, (Reading(at + timedelta(hours=2), likes=likes, impressions=100),))


def rows(engine: Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


ACCOUNT_DAY = dict.fromkeys(ACCOUNT_FIGURES) | {"followers": 9}
RANKS = "SELECT post_id, ranked_posts, engagement_rank, multiple_of_median FROM post_performance ORDER BY post_id"


def test_a_post_that_moved_by_months_is_ranked_whichever_of_its_days_is_built_first(engine: Engine, dbt: Dbt) -> None:
    ranked = ("--select", "+post_performance")
    store(engine, {1: {1: post(1, 20, 10), 2: post(2, 10, 20), 3: post(6, 20, 30)}})
    assert dbt("run", *ranked).succeeded
    assert rows(engine, RANKS) == [(1, None, None, None), (2, None, None, None), (3, 1, 1, 1.0)]

    store(engine, {1: {1: post(1, 20, 10), 2: post(2, 10, 20), 3: post(3, 1, 30)}})
    for day in (date(2026, 3, 1), date(2026, 6, 20)):
        assert dbt("run", *ranked, days=(day, day)).succeeded
    assert rows(engine, RANKS) == [(1, 3, 3, 0.5), (2, 3, 2, 1.0), (3, 3, 1, 1.5)]


@pytest.mark.parametrize(
    ("before", "built"),
    [
        pytest.param(3, [(4, 4), (3, 3)], id="from the day before"),
        pytest.param(5, [(4, 4), (5, 5)], id="from the day after"),
        pytest.param(5, [(3, 5)], id="within the changed days"),
    ],
)
def test_gains_of_a_post_that_moved_are_those_of_its_new_day(
    engine: Engine, dbt: Dbt, before: int, built: list[tuple[int, int]]
) -> None:
    gains = ("--select", "+post_daily_gains")
    stays = {1: post(6, 3, 1), 2: post(6, 4, 2), 3: post(6, 5, 3)}
    told = "SELECT post_id, published_on, likes_gain FROM post_daily_gains ORDER BY post_id"
    others = [(place, date(2026, 6, 2 + place), place) for place in (1, 2, 3)]
    store(engine, {1: stays | {4: post(6, before, 40)}})
    assert dbt("run", *gains).succeeded
    assert rows(engine, told) == [*others, (4, date(2026, 6, before), 40)]

    store(engine, {1: stays | {4: post(6, 4, 40)}})
    for first, last in built:
        assert dbt("run", *gains, days=(date(2026, 6, first), date(2026, 6, last))).succeeded
        assert rows(engine, told) == [*others, (4, date(2026, 6, 4), 40)]


def test_an_account_that_went_to_another_business_is_counted_for_both(engine: Engine, dbt: Dbt) -> None:
    store(engine, {1: {1: post(5, 4, 10), 2: post(5, 6, 20)}, 2: {}})
    with engine.begin() as connection:
        connection.execute(text("UPDATE published_posts SET business_id = 2 WHERE id = 2"))
    built = dbt("build", "--select", "+content_types", "+benchmarks")
    assert built.succeeded, built.messages
    kinds = "SELECT business_id, posts, total_engagements FROM content_types WHERE trait = 'post_type' ORDER BY 1"
    assert rows(engine, kinds) == [(1, 1, 10), (2, 1, 20)]
    own = "SELECT business_id, value FROM benchmarks WHERE metric = 'engagement_rate' ORDER BY 1"
    assert rows(engine, own) == [(1, 10.0), (2, 20.0)]


def test_an_account_of_two_businesses_is_one_peer(engine: Engine, dbt: Dbt) -> None:
    """Four accounts, of which five businesses have posts, are fewer than five."""
    posts = {business: {10 * business + day: post(5, day, business) for day in (4, 6)} for business in range(1, 5)}
    days = {business: {("linkedin", 1, date(2026, 5, 1)): ACCOUNT_DAY} for business in posts}
    store_history(engine, History(posts | {5: {}}, days | {5: {}}))
    with engine.begin() as connection:
        connection.execute(text("UPDATE published_posts SET business_id = 5 WHERE id = 46"))
    assert dbt("build", "--select", "+benchmarks").succeeded
    peers = "SELECT business_id, peer_accounts, peer_median FROM benchmarks WHERE metric = 'posts' ORDER BY 1"
    assert rows(engine, peers) == [(business, 4, None) for business in (1, 2, 3, 4, 5)]


def test_nothing_is_told_as_a_share_of_less_than_nothing(engine: Engine, dbt: Dbt) -> None:
    """LinkedIn's likes may be negative: a rise from there would come out as a fall."""
    store(engine, {1: {1: post(5, 4, -2), 2: post(5, 5, 10), 3: post(5, 6, -20)}})
    assert dbt("run", "--select", "+analytics_summaries", "+post_performance").succeeded
    growth = """
        SELECT total_engagements, engagement_growth FROM analytics_summaries
        WHERE platform = 'all' AND period_type = 'daily' ORDER BY period_start
    """
    assert rows(engine, growth) == [(-2, None), (10, None), (-20, -300.0)]
    assert {multiple for *_, multiple in rows(engine, RANKS)} == {None}


def change_all(engine: Engine, dbt: Dbt, history: History, *changes: str) -> dict[str, set[int]]:
    """Table → the businesses it has when all that is noted of these changes is built, day by day."""
    store_history(engine, history)
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM changed_days"))
    assert dbt("run").succeeded
    with engine.begin() as connection:
        for change in changes:
            connection.execute(text(change))
    days = [day for (day,) in rows(engine, "SELECT DISTINCT day FROM changed_days ORDER BY day")]
    for day in days:
        assert dbt("run", days=(day, day)).succeeded
    assert days == [date(2026, 5, 4), date(2026, 5, 6), date(2026, 5, 9)]
    holders = rows(
        engine,
        "SELECT table_name FROM information_schema.columns JOIN information_schema.tables"
        " USING (table_schema, table_name) WHERE column_name = 'business_id' AND table_type = 'BASE TABLE'"
        " AND table_schema = 'public' AND table_name <> 'int_account_days'",  # it remembers that there was something
    )
    return {name: {b for (b,) in rows(engine, f"SELECT business_id FROM {name}")} for (name,) in holders}


def test_a_business_that_was_removed_leaves_all_marts(engine: Engine, dbt: Dbt) -> None:
    posts = {business: {10 * business + day: post(5, day, day) for day in (4, 6)} for business in (1, 2)}
    history = History(posts, {b: {("linkedin", 1, date(2026, 5, 9)): ACCOUNT_DAY} for b in (1, 2)})
    left = change_all(engine, dbt, history, "DELETE FROM businesses WHERE id = 1")
    assert left["analytics_summaries"] == left["account_growth"] == {2}
    assert {name for name, businesses in left.items() if 1 in businesses} == set()


def test_an_account_that_went_to_another_business_leaves_the_first_in_all_marts(engine: Engine, dbt: Dbt) -> None:
    history = History(
        {1: {day: post(5, day, day) for day in (4, 6)}, 2: {}}, {1: {("linkedin", 1, date(2026, 5, 9)): ACCOUNT_DAY}}
    )
    moves = [f"UPDATE {table} SET business_id = 2" for table in ("published_posts", "social_accounts")]
    left = change_all(engine, dbt, history, *moves)
    assert left["analytics_summaries"] == left["account_growth"] == {2}
    assert {name for name, businesses in left.items() if 1 in businesses} == set()
    activity = "SELECT business_id, readings, likes_gain, account_days FROM activity_summaries"
    assert rows(engine, f"{activity} WHERE platform = 'all' AND period_type = 'monthly'") == [(2, 2, 10, 1)]


def test_a_reading_that_comes_between_two_models_is_told_by_the_next_build(engine: Engine, dbt: Dbt) -> None:
    """Were its post removed before, nobody would learn that the gain is gone."""
    store(engine, {1: {1: post(5, 4, 10)}})
    assert dbt("run", "--select", "+int_reading_days").succeeded
    later = post(5, 4, 10)
    read_again = replace(later, readings=(*later.readings, Reading(datetime(2026, 5, 9, tzinfo=UTC), likes=30)))
    store(engine, {1: {1: read_again}})
    assert dbt("run", "--select", "post_daily_gains").succeeded
    gains = "SELECT observed_on, likes_gain FROM post_daily_gains ORDER BY 1"
    assert rows(engine, gains) == [(date(2026, 5, 4), 10)]
    assert dbt("run", "--select", "int_reading_days", "post_daily_gains").succeeded
    assert rows(engine, gains) == [(date(2026, 5, 4), 10), (date(2026, 5, 9), 20)]


def test_a_late_reading_that_comes_between_two_models_and_goes_again_leaves_no_gain(engine: Engine, dbt: Dbt) -> None:
    """Of a day on which no post of its publish day had been read: nobody else would learn that the gain is gone."""

    def build(*models: str) -> None:
        outcome = dbt("run", "--select", *models, days=(date(2026, 5, 4), date(2026, 5, 5)))
        assert outcome.succeeded, outcome.messages

    def world(likes: int, *late: Reading) -> dict[int, dict[int, Post]]:
        first = post(5, 4, likes)
        read_again = replace(first, readings=(*first.readings, Reading(datetime(2026, 5, 9, tzinfo=UTC), likes=50)))
        return {1: {1: read_again, 2: post(5, 5, likes)} | ({3: replace(first, readings=late)} if late else {})}

    store(engine, world(1))
    assert dbt("run", "--select", "+activity_summaries").succeeded
    store(engine, world(2))
    build("int_reading_days", "int_account_days")
    store(engine, world(2, Reading(datetime(2026, 5, 5, 8, tzinfo=UTC), likes=7)))
    build("post_daily_gains", "activity_summaries")
    store(engine, world(2))
    build("+activity_summaries")
    activity = (
        "SELECT readings, likes_gain FROM activity_summaries WHERE platform = 'all' AND period_start = '2026-05-05'"
    )
    assert rows(engine, f"{activity} AND period_type = 'daily'") == [(1, 2)]


def test_a_post_that_moves_amid_a_build_is_of_the_next_one(engine: Engine, dbt: Dbt) -> None:
    """Its gains of the day before stand where those of the new day would: the build failed."""
    told = "SELECT post_id, published_on, likes_gain FROM post_daily_gains ORDER BY post_id"
    days = (date(2026, 5, 4), date(2026, 5, 5))
    read = Reading(datetime(2026, 5, 6, tzinfo=UTC), likes=7)

    def world(likes: int) -> dict[int, dict[int, Post]]:
        return {
            1: {
                1: replace(post(5, 4, 1), readings=(read,)),
                2: replace(post(5, 5, 1), readings=(replace(read, likes=likes),)),
            }
        }

    store(engine, world(3))
    assert dbt("run", "--select", "+post_daily_gains").succeeded
    store(engine, world(5))
    with engine.begin() as connection:  # where the gains of posts that moved before are deleted
        connection.exec_driver_sql(
            "CREATE FUNCTION move() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
            " UPDATE published_posts SET published_at = '2026-05-05 12:00+00' WHERE id = 1;"
            " UPDATE post_analytics SET published_on = '2026-05-05' WHERE post_id = 1; RETURN NULL; END $$;"
            "CREATE TRIGGER move AFTER DELETE ON post_daily_gains FOR EACH STATEMENT EXECUTE FUNCTION move()"
        )
    outcome = dbt("run", "--select", "+post_daily_gains", days=days)
    assert outcome.succeeded, outcome.messages
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER move ON post_daily_gains; DROP FUNCTION move()")
    assert dbt("run", "--select", "+post_daily_gains", days=days).succeeded
    assert rows(engine, told) == [(1, date(2026, 5, 5), 7), (2, date(2026, 5, 5), 5)]
