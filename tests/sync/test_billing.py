"""What platforms were asked and charged: kept per account and run, and known to the next process of the same day."""

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import Engine, func, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import ApiUsage, BilledRead, SyncUnit
from analytics_pipeline.platform_fetchers.usage import Usage
from analytics_pipeline.sync import AnalyticsSyncService, billing, plan
from tests.sync.conftest import D1, D2, Connect, at
from tests.sync.scripted import Platform

CENT = Decimal("0.01")


def test_calls_posts_and_dollars_stand_in_report_ledger_and_usage(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, engine: Engine
) -> None:
    free, paid = connected("10"), connected("20", "twitter")
    platform.price_usd["20"] = CENT
    platform.publish("10", "a", at(D1))
    for n in range(3):
        platform.publish("20", f"x{n}", at(D2))

    report = service.sync_business_analytics(1)

    assert (report["api_calls"], report["posts_read"], report["cost_usd"]) == (5, 4, 0.03)
    assert report["by_platform"]["linkedin"]["cost_usd"] is None
    assert [row["cost_usd"] for row in report["by_account"]] == [None, 0.03]
    with Session(engine) as session:
        unit = session.scalars(select(SyncUnit).where(SyncUnit.social_account_id == paid)).one()
        assert (unit.api_calls, unit.posts_read, unit.cost_usd) == (2, 3, 3 * CENT)
        used = select(
            ApiUsage.social_account_id, ApiUsage.run_id, func.sum(ApiUsage.api_calls), func.sum(ApiUsage.cost_usd)
        ).group_by(ApiUsage.social_account_id, ApiUsage.run_id)
        assert {tuple(row) for row in session.execute(used)} == {(free, "run-1", 2, None), (paid, "run-1", 3, 3 * CENT)}


def test_a_post_is_paid_once_a_day_over_runs(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, engine: Engine
) -> None:
    connected("20", "twitter")
    platform.price_usd["20"] = CENT
    platform.publish("20", "x", at(D2))
    costs = []
    for hours in (0, 1, 24):
        platform.now += timedelta(hours=hours)
        costs.append(service.sync_business_analytics(1)["cost_usd"])
    assert costs == [0.01, 0.0, 0.01]


def test_reads_billed_two_days_ago_are_forgotten(connected: Connect, engine: Engine, platform: Platform) -> None:
    connected("20", "twitter")
    today = platform.now.date()
    with Session(engine) as session, session.begin():
        (account,) = plan.accounts(session, ["twitter"])
        for age in (3, 1, 0):
            now = platform.now - timedelta(days=age)
            billing.record(session, account, Usage(), {(now.date(), "7")}, None, now)
        assert session.scalars(select(BilledRead.billed_on).order_by(BilledRead.billed_on)).all() == [
            today - timedelta(days=1),
            today,
        ]
        assert billing.billed_reads(session, account.id, platform.now) == {(today, "7")}
        assert session.scalar(text("SELECT count(*) FROM api_usage")) == 0
