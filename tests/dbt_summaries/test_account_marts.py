"""The marts about accounts against the reference, at first, when days change and built anew; in all time zones.

dbt costs seconds, so all examples are businesses of one database. Not here: small worlds by hand (`test_posting.py`).
"""

from datetime import date, timedelta
from math import comb

import pandas as pd
import pytest
from sqlalchemy import Engine, text

from tests.dbt_summaries import accounts_reference as reference
from tests.dbt_summaries.accounts_worlds import (
    FIRST_CHANGED,
    LAST_CHANGED,
    AccountsWorld,
    changed,
    generated_world,
    store_accounts,
)
from tests.dbt_summaries.conftest import Dbt

KEYS = {
    "posting_times": ["social_account_id", "weekday", "hour"],
    "content_types": ["social_account_id", "month_start", "trait", "class"],
    "benchmarks": ["social_account_id", "month_start", "metric"],
}
BUSINESSES = 18  # twice every time zone
SELECTED = ("--indirect-selection", "cautious", "--select", *(f"+{mart}" for mart in KEYS))


def read_mart(engine: Engine, mart: str) -> pd.DataFrame:
    """All rows, by key; unknown is NaN."""
    with engine.connect() as connection:
        result = connection.execute(text(f"SELECT * FROM {mart}"))
        rows = pd.DataFrame(result.all(), columns=list(result.keys()))
    return _comparable(rows, mart)


def _comparable(rows: pd.DataFrame, mart: str) -> pd.DataFrame:
    rows = rows.copy()
    for name in rows:
        if name in ("month_start", "window_start", "window_end"):
            rows[name] = pd.to_datetime(rows[name]).astype("datetime64[ns]")
        elif name not in (
            "platform",
            "time_zone",
            "trait",
            "class",
            "metric",
            "size_class",
            "recommendation",
            "updated_at",
        ):
            rows[name] = rows[name].astype(float)
    rows = rows.set_index(KEYS[mart]).sort_index()
    assert rows.index.is_unique
    return rows


def assert_marts(found: dict[str, pd.DataFrame], world: AccountsWorld) -> None:
    for mart, rows in found.items():
        expected = _comparable(getattr(reference, mart)(world), mart)
        pd.testing.assert_frame_equal(rows.drop(columns="updated_at"), expected, check_like=True, rtol=1e-9, obj=mart)


def read_marts(engine: Engine) -> dict[str, pd.DataFrame]:
    return {mart: read_mart(engine, mart) for mart in KEYS}


def test_every_figure_is_right_at_first_when_days_change_and_built_anew(engine: Engine, dbt: Dbt) -> None:
    world = generated_world(BUSINESSES)
    store_accounts(engine, world)
    assert dbt("run", *SELECTED).succeeded
    old = read_marts(engine)
    assert_marts(old, world)
    times, peers = old["posting_times"], old["benchmarks"]
    assert set(times["recommendation"]) == {
        "not enough posts", "better than usual", "worse than usual", "no clear difference",
    }  # fmt: skip
    assert peers["quarter"].nunique() == 4
    assert peers["change_on_last_year"].notna().any()

    later = changed(world, seed=1)
    moved = next(row for row in later.businesses if row["timezone"] != "Australia/Lord_Howe")
    later.businesses[later.businesses.index(moved)] = moved | {"timezone": "Australia/Lord_Howe"}
    store_accounts(engine, later)
    outcome = dbt("build", *SELECTED, days=(FIRST_CHANGED, LAST_CHANGED))
    assert outcome.succeeded
    assert outcome.messages == []
    new = read_marts(engine)
    assert_marts(new, later)

    months = new["content_types"].reset_index()
    rebuilt = months[months["updated_at"] > old["content_types"]["updated_at"].max()]["month_start"]
    last = LAST_CHANGED + timedelta(days=7)  # so far a change reaches into `days_since_last_post`
    assert set(rebuilt.dt.date) == {date(2024, 10, 1), last.replace(day=1)}

    assert dbt("run", *SELECTED, "--full-refresh").succeeded
    again = read_marts(engine)
    for mart, rows in again.items():
        pd.testing.assert_frame_equal(rows.drop(columns="updated_at"), new[mart].drop(columns="updated_at"))


@pytest.mark.parametrize("rates", [6, 7, 8, 20, 100, 1000])
def test_the_ranks_hold_the_median_in_95_per_cent_of_samples(rates: int) -> None:
    rank = reference.low_rank(rates)
    assert rank >= 1
    outside = 2 * sum(comb(rates, k) for k in range(rank)) / 2**rates
    assert 1 - outside == pytest.approx(0.95, abs=0.045)
    assert outside <= 0.05
