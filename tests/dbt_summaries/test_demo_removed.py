"""What dbt built of a demo goes with the demo, and what it built of others is as if there had been none."""

from contextlib import nullcontext
from datetime import UTC, date, datetime
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from sqlalchemy import Engine, inspect, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from analytics_pipeline import runs
from analytics_pipeline.cli import app, demo_data
from analytics_pipeline.database.models import Business
from tests.dbt_summaries.conftest import Dbt, parsed
from tests.dbt_summaries.history_worlds import History, store_history
from tests.dbt_summaries.worlds import Post, Reading

DEMO, REAL = 1, 2
AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
EARLIER = datetime(2026, 1, 5, 12, tzinfo=UTC)


def history() -> History:
    """The same posts and account days of both businesses, on two days of the same platform."""
    posts = {
        business: {
            10 * business + n: Post("twitter", at, (Reading(at, likes=business, impressions=100),))
            for n, at in enumerate((EARLIER, AT))
        }
        for business in (DEMO, REAL)
    }
    days = {("twitter", 1, at.date()): {"followers": 500, "impressions": 9} for at in (EARLIER, AT)}
    return History(posts, {DEMO: days, REAL: days})


def tables_of_dbt(engine: Engine) -> set[str]:
    models = {node.name for node in parsed().nodes.values() if node.unique_id.startswith("model.")}
    return models & set(inspect(engine).get_table_names())


def own_by_demo(engine: Engine, *businesses: int) -> None:
    with engine.begin() as connection:
        owner = connection.scalar(
            text("INSERT INTO users (email) VALUES (:email) RETURNING id"), {"email": demo_data.OWNER}
        )
        connection.execute(
            text("UPDATE businesses SET user_id = :owner WHERE id = ANY(:ids)"),
            {"owner": owner, "ids": list(businesses)},
        )


def test_the_next_build_of_a_day_is_as_if_there_had_been_no_demo(engine: Engine, dbt: Dbt) -> None:
    store_history(engine, history())
    own_by_demo(engine, DEMO)
    assert dbt("run").succeeded
    demo_data.forget()
    assert tables_of_dbt(engine) == set(), "a table that stays holds figures of the demo"

    outcome = dbt("run", "--select", "+analytics_summaries", "+platform_coverage", days=(AT.date(), AT.date()))
    assert (outcome.succeeded, outcome.messages) == (True, [])
    with engine.connect() as connection:
        summaries = connection.execute(
            text("SELECT business_id, count(*), min(period_start) FROM analytics_summaries GROUP BY business_id")
        ).all()
        coverage = connection.execute(
            text("SELECT day, max(readings) FROM platform_coverage GROUP BY day ORDER BY day")
        )
        readings = [tuple(row) for row in coverage]
    assert summaries == [(REAL, 12, date(2026, 1, 1))], "the other day is there too"
    assert readings == [(EARLIER.date(), 1), (AT.date(), 1)], "figures of all businesses together are of the real one"


def test_without_a_demo_the_summaries_stay(marts: Session) -> None:
    marts.add(Business(name="Real Ltd"))
    marts.commit()
    assert not demo_data.forget()
    assert inspect(marts.connection()).has_table("analytics_summaries")


@pytest.mark.parametrize("owned", [[DEMO], [DEMO, REAL]])
def test_only_where_others_stay_their_summaries_are_built_at_once(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, owned: list[int]
) -> None:
    store_history(engine, history())
    own_by_demo(engine, *owned)
    build = Mock(return_value=SimpleNamespace(success=True))
    monkeypatch.setattr(runs, "dagster_instance", nullcontext)
    monkeypatch.setattr(runs, "run_summaries", build)
    assert CliRunner().invoke(app, ["demo", "--remove"]).exit_code == 0
    assert build.call_count == 2 - len(owned)
