"""An account whose id cannot be one of its platform, as the application may have stored it: it costs no other account."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, SocialAccount
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.sync import AnalyticsSyncService
from analytics_pipeline.sync.accounts import connect
from analytics_pipeline.sync.errors import InvalidRequestError
from analytics_pipeline.sync.plan import Account
from analytics_pipeline.sync.service import fetcher_from_settings
from analytics_pipeline.sync.status import account_statuses
from tests.sync.conftest import D1, D2, Connect, at, ledger_states, likes, run
from tests.sync.scripted import Platform


@pytest.mark.parametrize("platform", ["twitter", "linkedin"])
def test_it_is_refused_when_it_is_connected(session: Session, platform: str) -> None:
    business = Business(name="Acme")
    session.add(business)
    session.flush()
    with pytest.raises(InvalidRequestError, match="22000000012200000001"):
        connect(session, business, platform, "22000000012200000001", "a-token")


def test_the_other_accounts_are_read(session: Session, platform: Platform, connected: Connect, engine: Engine) -> None:
    connected("10")
    platform.publish("10", "a", at(D1), likes=5)
    session.add(SocialAccount(business_id=1, platform="linkedin", external_id="acme", access_token="t"))
    session.commit()

    def make_fetcher(account: Account) -> BasePlatformFetcher:
        return platform.fetcher(account) if account.external_id == "10" else fetcher_from_settings(account)

    service = AnalyticsSyncService(session, make_fetcher=make_fetcher, clock=lambda: platform.now)

    run(service)

    assert likes(session) == [("a", "09-30", 5)]
    assert ledger_states(engine) == {
        ("10", "2026-09-01"): "done",
        ("acme", "2026-09-01"): "parked",
        ("acme", "2026-09-02"): "parked",
    }
    failures = {r.account.external_id: r.failure for r in service.read_account_days("linkedin", D1, D2)}
    assert failures["10"] is None
    assert failures["acme"] is not None
    assert failures["acme"].error_class == "configuration"
    told = {status.account: status.stale_reason for status in account_statuses(session, datetime.now(UTC))}
    assert "'acme'" in str(told["acme"])
    assert "'acme'" not in str(told["Page 10"])
