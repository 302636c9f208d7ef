"""The service from listing to stored figures, over a real database."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import (
    AccountAnalytics,
    Business,
    PublishedPost,
    SocialAccount,
    SyncError,
    SyncUnit,
)
from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    InvalidTokenError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.sync import AnalyticsSyncService
from analytics_pipeline.sync.accounts import connect
from analytics_pipeline.sync.ledger import Failure
from tests.sync.conftest import D1, D2, Connect, at, ledger_states, likes, only_post, run
from tests.sync.scripted import Platform


def test_days_are_listed_read_and_stored(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    account = connected("10")
    platform.publish("10", "a", at(D1), likes=5)
    platform.publish("10", "b", at(D2), likes=None)
    platform.publish("10", "outside", at(D2 + timedelta(days=1)), likes=9)

    days = run(service)

    assert likes(session) == [("a", "09-30", 5), ("b", "09-30", None)]
    assert {day: (d.complete, d.units[0].posts_synced) for day, d in days.items()} == {D1: (True, 1), D2: (True, 1)}
    assert ledger_states(engine) == {("10", "2026-09-01"): "done", ("10", "2026-09-02"): "done"}
    post = session.scalars(select(PublishedPost).where(PublishedPost.platform_post_id == "a")).one()
    assert (post.likes_count, post.last_synced_at) == (5, platform.now)
    assert session.get_one(SocialAccount, account).last_sync == platform.now


def test_a_second_reading_on_the_same_day_replaces_and_on_the_next_adds(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1), likes=5)
    run(service)
    platform.now += timedelta(hours=1)
    platform.likes["a"] = 6
    run(service)
    assert likes(session) == [("a", "09-30", 6)]
    platform.now += timedelta(days=1)
    platform.likes["a"] = 4
    run(service)
    assert likes(session) == [("a", "09-30", 6), ("a", "10-01", 4)]


def test_figures_of_the_listing_are_not_read_again_in_the_same_run(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.listing_carries_figures = True
    platform.publish("10", "a", at(D1), likes=5)
    days = run(service, since=platform.now)
    assert platform.reads == []
    assert likes(session) == [("a", "09-30", 5)]
    assert days[D1].units[0].posts_synced == 1
    run(service, since=platform.now + timedelta(seconds=1))
    assert platform.reads == ["a"]


def test_a_replayed_moment_is_read_once_but_also_after_newer_readings(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1), likes=9)
    run(service)
    platform.now -= timedelta(days=3)
    platform.likes["a"] = 5
    run(service, since=platform.now)
    assert platform.reads == ["a", "a"], "the newer reading is no reading of the replayed moment"
    assert likes(session) == [("a", "09-27", 5), ("a", "09-30", 9)]
    platform.now += timedelta(days=3, minutes=1)
    platform.listing_carries_figures = True
    run(service, since=platform.now)
    assert platform.reads == ["a", "a"]


def test_batches_go_across_days(service: AnalyticsSyncService, platform: Platform, connected: Connect) -> None:
    connected("10")
    for n in range(4):
        platform.publish("10", f"p{n}", at(D1 if n % 2 else D2, hour=n))
    days = run(service)
    assert sum(unit.usage.calls for day in days.values() for unit in day.units) == 2


def test_the_next_batch_is_asked_for_while_one_is_being_stored(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    connected("10")
    for n in range(4):
        platform.publish("10", f"p{n}", at(D1 if n < 2 else D2, hour=n), likes=n)
    second = threading.Event()
    asked_meanwhile: list[bool] = []

    def asked(batch: int) -> None:
        if batch == 1:
            second.set()

    def storing(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "post_analytics" in statement and statement.lstrip().startswith("WITH"):
            asked_meanwhile.append(second.wait(5))

    platform.before_batch = asked
    event.listen(engine, "before_cursor_execute", storing)
    try:
        run(service)
    finally:
        event.remove(engine, "before_cursor_execute", storing)
    assert asked_meanwhile == [True, True]
    assert likes(session) == [(f"p{n}", "09-30", n) for n in range(4)]


def test_a_dead_token_costs_no_other_account(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    dead, _ = connected("10"), connected("20")
    platform.publish("10", "a", at(D1))
    platform.publish("20", "b", at(D1), likes=7)
    platform.listing_errors["10"] = InvalidTokenError("token-of-10 has expired", "linkedin", 401)

    days = run(service)

    assert likes(session) == [("b", "09-30", 7)]
    assert not days[D1].complete
    assert days[D1].stored_anything
    assert ledger_states(engine)["10", "2026-09-01"] == "needs_reauth"
    assert ledger_states(engine)["20", "2026-09-01"] == "done"
    account = session.get_one(SocialAccount, dead, populate_existing=True)
    assert account.status == "needs_reauth"
    assert account.status_reason == "[redacted] has expired"

    session.commit()
    del platform.listing_errors["10"]
    states = {unit.account: unit.state for unit in run(service)[D1].units}
    assert states == {"Page 10": "needs_reauth", "Page 20": "done"}, "nobody has mended the account"

    connect(session, session.get_one(Business, 1), "linkedin", "10", "new")
    session.commit()
    assert run(service)[D1].complete
    assert likes(session) == [("a", "09-30", 1), ("b", "09-30", 7)]


def test_a_throttle_waits_to_the_second_and_is_tried_again(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1), likes=3)
    platform.reading_errors["10"] = RateLimitError("slow down", "linkedin", 429, retry_after=90)
    days = run(service)
    assert not days[D1].stored_anything
    unit = session.scalars(select(SyncUnit).where(SyncUnit.publish_day == D1)).one()
    assert (unit.state, unit.next_attempt_at, unit.attempts) == ("waiting", platform.now + timedelta(seconds=90), 0)
    session.commit()

    platform.reading_errors.clear()
    platform.now += timedelta(seconds=89)
    calls = len(platform.reads)
    run(service)
    assert len(platform.reads) == calls, "the platform's own time has not come"
    platform.now += timedelta(seconds=1)
    assert run(service, only_due=True)[D1].complete
    assert likes(session) == [("a", "09-30", 3)]


def test_what_came_before_a_fault_is_kept(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    connected("10")
    platform.publish("10", "new", at(D2), likes=1)
    platform.publish("10", "old", at(D1), likes=2)
    platform.batch_size = 1

    def fail_second(batch: int) -> None:
        if batch == 1:
            raise TransientError("connection reset", "linkedin")

    platform.before_batch = fail_second
    run(service)
    assert likes(session) == [("new", "09-30", 1)]
    assert ledger_states(engine) == {("10", "2026-09-02"): "done", ("10", "2026-09-01"): "waiting"}


def test_passing_faults_are_parked_after_five_attempts(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1))
    platform.reading_errors["10"] = TransientError("HTTP 502", "linkedin", 502)
    waits = []
    for _ in range(5):
        run(service)
        session.expire_all()
        unit = session.scalars(select(SyncUnit).where(SyncUnit.publish_day == D1)).one()
        waits.append((unit.state, unit.next_attempt_at and (unit.next_attempt_at - platform.now).total_seconds()))
        session.commit()
        platform.now = unit.next_attempt_at or platform.now
    assert waits == [("waiting", 60), ("waiting", 240), ("waiting", 960), ("waiting", 3840), ("parked", None)]
    assert "HTTP 502" in (session.scalars(select(SyncUnit.error_message).where(SyncUnit.publish_day == D1)).one() or "")


def test_one_bad_post_stays_one_bad_post(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    connected("10")
    platform.publish("10", "good", at(D1), likes=4)
    platform.publish("10", "bad", at(D1))
    platform.post_errors["bad"] = BadDataError("likes_count is no whole number: 'many'", "linkedin")
    days = run(service)
    assert likes(session) == [("good", "09-30", 4)]
    assert not days[D1].complete
    assert ledger_states(engine)["10", "2026-09-01"] == "done"
    error = session.scalars(select(SyncError)).one()
    assert (error.platform_post_id, error.error_class) == ("bad", "bad_data")
    session.commit()
    assert not run(service, only_due=True)[D1].complete, "a run that leaves the day alone must not make it look whole"


def test_a_gone_post_is_unavailable_then_deleted_and_keeps_its_figures(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1), likes=8)
    run(service)
    platform.post_errors["a"] = PostNotFoundError("gone", "linkedin", 404, post_id="a")
    platform.posts["10"].clear()
    assert run(service)[D1].complete, "its absence is explained"

    def status() -> tuple[str, int | None]:
        post = only_post(session)
        return post.status, post.likes_count

    assert status() == ("unavailable", 8)
    run(service)
    assert status() == ("unavailable", 8), "twice on one day is no confirmation"
    platform.now += timedelta(days=1)
    run(service)
    assert status() == ("deleted", 8)
    assert likes(session) == [("a", "09-30", 8)]


def test_a_post_that_is_read_again_is_back_and_no_longer_half_deleted(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1), likes=8)
    run(service)
    gone = PostNotFoundError("gone", "linkedin", 404, post_id="a")
    platform.posts["10"].clear()  # it is read by its id, not listed

    def after_a_day(error: PostNotFoundError | None) -> tuple[str, bool]:
        platform.now += timedelta(days=1)
        platform.post_errors = {"a": error} if error else {}
        run(service)
        post = only_post(session)
        return post.status, post.unavailable_since is not None

    assert after_a_day(gone) == ("unavailable", True)
    assert after_a_day(None) == ("published", False)
    assert after_a_day(gone) == ("unavailable", True), "the first time since it was there: no confirmation"
    assert after_a_day(gone) == ("deleted", True)


def test_a_post_that_a_batch_leaves_out_is_neither_zero_nor_deleted(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1))
    del platform.likes["a"]
    assert run(service)[D1].complete
    assert likes(session) == []
    assert session.scalars(select(PublishedPost.status)).one() == "published"
    assert session.scalars(select(SyncError.error_class)).one() == "absent"


def test_a_dead_worker_leaves_nothing_stuck_and_a_zombie_cannot_write(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    connected("10")
    platform.publish("10", "a", at(D1), likes=1)

    def taken_over(_batch: int) -> None:
        with engine.begin() as connection:
            connection.execute(text("update sync_units set attempt_id = gen_random_uuid(), state = 'running'"))

    platform.before_batch = taken_over
    run(service)
    assert likes(session) == [], "its claim was taken over before it stored"
    assert ledger_states(engine)["10", "2026-09-01"] == "running"
    platform.before_batch = lambda _batch: None
    assert run(service, only_due=True)[D1].complete
    assert likes(session) == [("a", "09-30", 1)]


def test_an_unexpected_fault_in_one_account_costs_no_other(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, engine: Engine
) -> None:
    connected("10")
    connected("20")
    platform.publish("10", "a", at(D1))
    platform.publish("20", "b", at(D1), likes=2)
    platform.reading_errors["10"] = RuntimeError("a bug that prints token-of-10")
    run(service)
    assert likes(session) == [("b", "09-30", 2)]
    message = session.scalars(select(SyncUnit.error_message).where(SyncUnit.state == "waiting")).one()
    assert message is not None
    assert "token-of-10" not in message
    assert "unexpected RuntimeError" in message


def test_account_days_are_stored(service: AnalyticsSyncService, connected: Connect, session: Session) -> None:
    connected("10")
    results = list(service.read_account_days("linkedin", D1, D2))
    assert [(r.found, r.usage.calls, r.failure) for r in results] == [(2, 1, None)]
    assert session.execute(select(AccountAnalytics.day, AccountAnalytics.followers)).all() == [(D1, 100), (D2, 101)]


def test_account_days_of_some_accounts_alone(service: AnalyticsSyncService, connected: Connect) -> None:
    one, other = connected("10"), connected("20")
    assert {r.account.id for r in service.read_account_days("linkedin", D1, D2)} == {one, other}
    assert {r.account.id for r in service.read_account_days("linkedin", D1, D2, only=[other])} == {other}


def test_account_days_that_lack_some_figures_are_stored_and_told(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.incomplete = RateLimitError("the page's views are used up", "linkedin")
    platform.unlisted["10"] = "the platform lists one post a year"
    (result,) = service.read_account_days("linkedin", D1, D2)
    assert (result.found, result.failure) == (2, Failure("throttled", "the page's views are used up"))
    assert result.note == "the platform lists one post a year"
    assert session.execute(select(AccountAnalytics.day, AccountAnalytics.followers)).all() == [(D1, 100), (D2, 101)]


def test_a_token_that_is_refused_for_account_days_ends_all_work_on_the_account(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.incomplete = InvalidTokenError("the token was revoked", "linkedin")
    list(service.read_account_days("linkedin", D1, D2))
    account = session.get_one(SocialAccount, 1)
    assert (account.status, account.status_reason) == ("needs_reauth", "the token was revoked")


def test_a_listing_that_keeps_failing_is_given_up(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session
) -> None:
    connected("10")
    platform.listing_errors["10"] = TransientError("HTTP 502", "linkedin", 502)
    states = []
    for _ in range(5):
        list(service.list_posts("linkedin", D1, D2))
        session.expire_all()
        units = session.scalars(select(SyncUnit)).all()
        states.append({(unit.state, unit.attempts) for unit in units})
        session.commit()
        platform.now += timedelta(hours=5)
    assert states == [{("waiting", n)} for n in (1, 2, 3, 4)] + [{("parked", 5)}]


def test_what_a_platform_may_have_kept_back_is_told(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    connected("11")
    connected("22")
    platform.publish("11", "a", at(D1))
    platform.unlisted["11"] = "the platform lists one post a year"
    told = {result.account.external_id: result.note for result in service.list_posts("linkedin", D1, D2)}
    assert told == {"11": "the platform lists one post a year", "22": None}
    assert "Page 11: the platform lists one post a year" in caplog.messages
