"""A token that the key does not open: it costs its own account, and no more than the time until the key is back."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.alerts.causes import present
from analytics_pipeline.database.encryption import EncryptionKeyError
from analytics_pipeline.database.models import SocialAccount, SyncUnit
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService
from analytics_pipeline.sync.ledger import Failure
from analytics_pipeline.sync.stored_tokens import SHUT
from analytics_pipeline.sync.tokens import refresh_due
from tests.sync.conftest import D1, D2, Connect, at, ledger_states, likes, run
from tests.sync.scripted import Platform


def shut(session: Session, account: int) -> None:
    """As if the account had been connected with a key that is gone."""
    other_key = Fernet(Fernet.generate_key())
    session.execute(
        text("UPDATE social_accounts SET access_token = :token WHERE id = :id"),
        {"token": other_key.encrypt(b"a token").decode(), "id": account},
    )
    session.commit()


def test_the_other_accounts_are_read(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    connected("10")
    lost = connected("11")
    platform.publish("10", "a", at(D1), likes=5)
    platform.publish("11", "b", at(D1), likes=7)
    shut(session, lost)

    days = run(service)

    assert likes(session) == [("a", "09-30", 5)]
    assert not days[D1].complete
    assert ledger_states(engine) == {
        ("10", "2026-09-01"): "done",
        ("11", "2026-09-01"): "waiting",
        ("11", "2026-09-02"): "waiting",
    }
    unit = session.get_one(SyncUnit, (lost, D1))
    assert (unit.error_class, unit.error_message) == ("transient", SHUT)
    assert session.scalar(select(SocialAccount.status).where(SocialAccount.id == lost)) == "connected"
    report = service.sync_business_analytics(1)
    assert (report["errors"][0]["account"], report["errors"][0]["message"]) == (
        "Page 11",
        f"Page 11 was not listed for new posts: {SHUT}",
    )
    assert [cause.key for cause in present(session, get_settings(), platform.now)] == []
    assert list(refresh_due(engine, lambda: platform.now, 60)) == []

    connected("11")
    platform.now += timedelta(hours=1)
    assert run(service)[D1].complete
    assert likes(session)[-1][0] == "b"


def test_known_days_are_tried_ever_more_rarely(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    lost = connected("11")
    platform.publish("11", "b", at(D1))
    list(service.list_posts("linkedin", D1, D2))
    shut(session, lost)
    for n, state in enumerate(["waiting"] * 4 + ["parked"], start=1):
        platform.now += timedelta(hours=5)
        run(service, only_due=True)
        found = session.get_one(SyncUnit, (lost, D1), populate_existing=True)
        assert (found.state, found.attempts, found.error_message) == (state, n, SHUT)
        session.commit()


def test_the_only_account_of_a_platform_does_not_make_the_key_a_wrong_one(
    service: AnalyticsSyncService, connected: Connect, session: Session, engine: Engine
) -> None:
    shut(session, connected("10"))
    connected("11", "twitter")
    [listed] = service.list_posts("linkedin", D1, D2)
    assert listed.failure == Failure("transient", SHUT)
    assert set(ledger_states(engine).values()) == {"waiting"}


def test_a_key_that_opens_no_token_is_the_wrong_one_and_nothing_is_written(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    for account in (connected("10"), connected("11")):
        shut(session, account)
    with pytest.raises(EncryptionKeyError, match="restore ANALYTICS_ENCRYPTION_KEY"):
        list(service.list_posts("linkedin", D1, D2))
    with pytest.raises(EncryptionKeyError, match="restore ANALYTICS_ENCRYPTION_KEY"):
        list(refresh_due(engine, lambda: platform.now, 60))
    assert ledger_states(engine) == {}
