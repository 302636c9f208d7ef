"""Every figure of the marts about history against the reference, for worlds that hypothesis makes up.

dbt costs seconds, so all examples are businesses of one database. Not here: worlds by hand (`test_history_example.py`).
"""

import math
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sqlalchemy import Engine, text

from tests.dbt_summaries import history_reference as reference
from tests.dbt_summaries.conftest import Dbt
from tests.dbt_summaries.history_worlds import AccountDays, History, changes, store_history
from tests.dbt_summaries.worlds import Post

BUSINESSES = 60
MARTS: dict[str, tuple[Callable[[History], list[reference.Row]], tuple[str, ...]]] = {
    "post_daily_gains": (reference.post_daily_gains, ("post_id", "observed_on")),
    "post_performance": (reference.post_performance, ("post_id",)),
    "activity_summaries": (
        reference.activity_summaries,
        ("business_id", "platform", "period_type", "period_start"),
    ),
    "account_growth": (reference.account_growth, ("social_account_id", "day")),
    "platform_coverage": (reference.platform_coverage, ("platform", "day", "subject", "metric")),
}
"""Mart → its reference and its key."""
SELECTED = ("--indirect-selection", "cautious", "--select", *(f"+{mart}" for mart in MARTS))

Rows = dict[tuple[Any, ...], dict[str, Any]]


def histories(first: date, last: date) -> tuple[History, History]:
    """A history, and what it is later when only the days first..last changed. A business is one example."""
    earlier: dict[int, dict[int, Post]] = {}
    later: dict[int, dict[int, Post]] = {}
    accounts_earlier: dict[int, AccountDays] = {}
    accounts_later: dict[int, AccountDays] = {}
    next_id = 1

    @settings(max_examples=BUSINESSES, phases=[Phase.generate], database=None, suppress_health_check=list(HealthCheck))
    @given(changes(first, last))
    def gather(change: tuple[list[Post], list[Post | None], AccountDays, AccountDays]) -> None:
        nonlocal next_id
        posts_before, posts_after, accounts_before, accounts_after = change
        business = len(earlier) + 1
        earlier[business] = dict(enumerate(posts_before, start=next_id))
        later[business] = {key: post for key, post in enumerate(posts_after, start=next_id) if post}
        accounts_earlier[business], accounts_later[business] = accounts_before, accounts_after
        next_id += len(posts_after)

    gather()
    return History(earlier, accounts_earlier), History(later, accounts_later)


def read_mart(engine: Engine, mart: str) -> Rows:
    """All rows by their key."""
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(text(f"SELECT * FROM {mart}")).mappings()]
    found = {tuple(row[name] for name in MARTS[mart][1]): row for row in rows}
    assert len(found) == len(rows)
    return found


def is_same(value: Any, figure: Any) -> bool:
    if isinstance(value, float) and isinstance(figure, int | float):
        return math.isclose(value, figure, rel_tol=1e-9, abs_tol=1e-9)
    return bool(value == figure)


def assert_marts(engine: Engine, history: History, marts: Iterable[str] = MARTS) -> None:
    for mart in marts:
        expected_rows, key_names = MARTS[mart]
        found = read_mart(engine, mart)
        expected = {tuple(row[name] for name in key_names): row for row in expected_rows(history)}
        if mart == "platform_coverage":  # these worlds leave the other metrics unknown
            others = [found.pop(key) for key in found.keys() - expected.keys()]
            assert all(row["known"] == 0 and row["null_share"] == 100 for row in others)
            assert len(others) > len(expected) / 2
        assert found.keys() == expected.keys(), mart
        for key, figures in expected.items():
            wrong = {name: (found[key][name], f) for name, f in figures.items() if not is_same(found[key][name], f)}
            assert not wrong, f"{mart} of {key}: (found, expected) {wrong}"


@pytest.mark.parametrize(
    ("first", "last", "time_zone"),
    [
        pytest.param(date(2020, 2, 29), date(2020, 2, 29), "Pacific/Kiritimati", id="leap day"),
        pytest.param(date(2019, 12, 31), date(2020, 1, 2), "America/Los_Angeles", id="new year, one week"),
    ],
)
def test_every_figure_is_right_at_first_and_when_days_change(
    engine: Engine, dbt: Dbt, first: date, last: date, time_zone: str
) -> None:
    earlier, later = histories(first, last)
    store_history(engine, earlier)
    with engine.begin() as connection:
        database = connection.scalar(text("SELECT quote_ident(current_database())"))
        connection.execute(text(f"ALTER DATABASE {database} SET timezone = '{time_zone}'"))
    assert dbt("run", *SELECTED).succeeded
    assert_marts(engine, earlier)
    old = {mart: read_mart(engine, mart) for mart in MARTS}

    store_history(engine, later)
    outcome = dbt("build", *SELECTED, days=(first, last))
    assert outcome.succeeded, outcome.messages
    assert outcome.messages == []
    assert_marts(engine, later)

    # What no changed post or account touches is left alone, and the same days built again change nothing but the time.
    for mart in MARTS.keys() - {"post_daily_gains"}:
        new = read_mart(engine, mart)
        is_built_again = {key for key, row in new.items() if key not in old[mart] or row != old[mart][key]}
        assert 0 < len(is_built_again) < len(new), mart
    built = {mart: read_mart(engine, mart) for mart in MARTS}
    assert dbt("run", *SELECTED, days=(first, last)).succeeded
    for mart in MARTS:
        again = read_mart(engine, mart)
        assert {key: row | {"updated_at": None} for key, row in again.items()} == {
            key: row | {"updated_at": None} for key, row in built[mart].items()
        }
