"""Every figure of `analytics_summaries` and `summary_coverage` against the reference, for worlds that hypothesis makes up.

dbt costs seconds, so all examples are businesses of one database. Not here: a small world by hand (`test_example.py`).
"""

import math
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import Engine, text

from tests.dbt_summaries.conftest import Dbt, Rows, read_summaries
from tests.dbt_summaries.reference import START, Figures, Key, before, coverage, summaries
from tests.dbt_summaries.worlds import Post, World, changes, posts_at_the_edges, store

BUSINESSES = 80
MARTS = ("analytics_summaries", "summary_coverage")
SELECTED = ("--indirect-selection", "cautious", "--select", "+analytics_summaries", "+summary_coverage")


def generated_worlds(first: date, last: date) -> tuple[World, World]:
    """A world, and what it is later when only the publish days first..last changed. A business is one example."""
    earlier: dict[int, dict[int, Post]] = {}
    later: dict[int, dict[int, Post]] = {}
    next_id = 1

    @settings(max_examples=BUSINESSES, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(changes(first, last))
    def gather(change: tuple[list[Post], list[Post | None]]) -> None:
        nonlocal next_id
        posts_before, posts_after = change
        business = len(earlier) + 1
        earlier[business] = dict(enumerate(posts_before, start=next_id))
        later[business] = {key: post for key, post in enumerate(posts_after, start=next_id) if post}
        next_id += len(posts_after)

    gather()
    edges = dict(enumerate(posts_at_the_edges(), start=next_id))
    return earlier | {len(earlier) + 1: edges}, later | {len(later) + 1: edges}


def assert_figures(found: Rows, expected: dict[Key, Figures], world: World) -> None:
    assert found.keys() == expected.keys()
    for key, figures in expected.items():
        for name, figure in figures.items():
            value = found[key][name]
            if isinstance(figure, float) and isinstance(value, float):
                same = math.isclose(value, figure, rel_tol=1e-12)
            else:
                same = value == figure
            assert same, f"{name} of {key} is {value}, not {figure}; posts: {world[key[0]]}"


def assert_same_but_for_the_time(found: Rows, earlier: Rows) -> None:
    assert {key: row | {"updated_at": None} for key, row in found.items()} == {
        key: row | {"updated_at": None} for key, row in earlier.items()
    }


def changed_starts(first: date, last: date) -> set[tuple[str, date]]:
    """(period type, start) of the periods that hold a day of first..last."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    return {(period_type, start(day)) for period_type, start in START.items() for day in days}


@pytest.mark.parametrize(
    ("first", "last", "time_zone"),
    [
        pytest.param(date(2020, 2, 29), date(2020, 2, 29), "UTC", id="leap day"),
        pytest.param(date(2019, 12, 31), date(2020, 1, 2), "America/Los_Angeles", id="new year, one week"),
        pytest.param(date(2021, 1, 3), date(2021, 1, 3), "Pacific/Kiritimati", id="Sunday of week 53"),
    ],
)
def test_every_figure_is_right_at_first_and_when_days_change(
    engine: Engine, dbt: Dbt, first: date, last: date, time_zone: str
) -> None:
    earlier, later = generated_worlds(first, last)
    store(engine, earlier)
    with engine.begin() as connection:
        # As a user's own server may have it: days are those of UTC nevertheless.
        database = connection.scalar(text("SELECT quote_ident(current_database())"))
        connection.execute(text(f"ALTER DATABASE {database} SET timezone = '{time_zone}'"))
    assert dbt("run", *SELECTED).succeeded
    old = read_summaries(engine)
    assert_figures(old, summaries(earlier), earlier)
    old_coverage = read_summaries(engine, "summary_coverage")
    assert_figures(old_coverage, coverage(earlier), earlier)

    store(engine, later)
    outcome = dbt("build", *SELECTED, days=(first, last))
    assert outcome.succeeded
    assert outcome.messages == []
    new = read_summaries(engine)
    assert_figures(new, summaries(later), later)
    new_coverage = read_summaries(engine, "summary_coverage")
    assert_figures(new_coverage, coverage(later), later)

    changed = changed_starts(first, last)

    for key, row in new.items():
        if key in old:
            other = {name for name in row if row[name] != old[key][name]} - {"updated_at"}
            assert (row["updated_at"] > old[key]["updated_at"]) == bool(other), (
                "what changed, and only that, is written"
            )
            assert "id" not in other
        else:
            other = set(row)
        _, _, period_type, start = key
        follows = (period_type, before(period_type, start)) in changed
        assert key[2:] in changed or other <= ({"engagement_growth"} if follows else set())
        assert {name: new_coverage[key][name] for name in ("id", "period_end")} == {
            name: row[name] for name in ("id", "period_end")
        }
        if key[2:] not in changed:
            assert new_coverage[key] == old_coverage[key]


def test_building_again_changes_nothing(engine: Engine, dbt: Dbt) -> None:
    first, last = date(2020, 1, 5), date(2020, 1, 6)
    _, world = generated_worlds(first, last)
    store(engine, world)
    # Without a table everything is built, whatever days are asked for.
    assert dbt("run", *SELECTED, days=(first, last)).succeeded
    built = {mart: read_summaries(engine, mart) for mart in MARTS}
    assert_figures(built["analytics_summaries"], summaries(world), world)
    with engine.connect() as connection:
        room = connection.scalars(
            text("SELECT reloptions FROM pg_class WHERE relname = ANY(:marts)"), {"marts": list(MARTS)}
        )
        # Without it every changed row would be told to every index, which takes longer than to write it.
        assert room.all() == [["fillfactor=45"]] * len(MARTS)
    for days in (first, last), None:
        assert dbt("run", *SELECTED, days=days).succeeded
        assert {mart: read_summaries(engine, mart) for mart in MARTS} == built

    assert dbt("run", *SELECTED, "--full-refresh").succeeded
    for mart, rows in built.items():
        again = read_summaries(engine, mart)
        assert min(row["updated_at"] for row in again.values()) > max(row["updated_at"] for row in rows.values())
        assert_same_but_for_the_time(again, rows)
