"""What becomes of the units of a worker that stopped, died, hangs, or woke up after others had taken over."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine, select, text, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SyncUnit
from analytics_pipeline.sync import AnalyticsSyncService, ledger, retries, workers
from tests.sync.conftest import D1, D2, Connect, at, ledger_states, likes, run
from tests.sync.scripted import Platform


@pytest.fixture
def elsewhere(engine: Engine) -> Iterator[Connection]:
    """The connection of another process."""
    with engine.connect() as connection:
        yield connection
        connection.invalidate()


@pytest.fixture
def account(connected: Connect, platform: Platform, service: AnalyticsSyncService) -> int:
    """An account with a post on each of two days, listed and not yet read."""
    account = connected("10")
    platform.publish("10", "a", at(D1))
    platform.publish("10", "b", at(D2))
    list(service.list_posts("linkedin", D1, D2))
    return account


def claim(session: Session, account: int, platform: Platform) -> None:
    """What a worker does before it reads."""
    ledger.claim(session, account, [D1, D2], "run-1", platform.now)
    session.commit()


def test_units_of_a_dead_worker_are_taken_back_and_those_of_a_living_one_are_not(
    session: Session, account: int, platform: Platform, elsewhere: Connection, engine: Engine
) -> None:
    with workers.account_lock(elsewhere, account):
        claim(session, account, platform)
        assert workers.take_back(session, platform.now) == 0
        assert set(ledger_states(engine).values()) == {"running"}
    assert workers.take_back(session, platform.now) == 2
    units = session.scalars(select(SyncUnit)).all()
    assert [(u.state, u.attempts, u.attempt_id, u.next_attempt_at) for u in units] == [
        ("waiting", 1, None, platform.now + timedelta(minutes=1))
    ] * 2
    assert {u.error_message for u in units} == {str(workers._GONE.message)}
    with workers.account_lock(elsewhere, account):
        assert workers.take_back(session, platform.now) == 0


def test_what_kills_its_worker_five_times_is_parked(session: Session, account: int, platform: Platform) -> None:
    for _ in range(ledger.MAX_ATTEMPTS):
        claim(session, account, platform)
        workers.take_back(session, platform.now)
    assert {unit.state for unit in session.scalars(select(SyncUnit))} == {"parked"}


def test_a_worker_that_hangs_loses_its_account(
    session: Session, account: int, platform: Platform, elsewhere: Connection
) -> None:
    with workers.account_lock(elsewhere, account):
        claim(session, account, platform)
        assert workers.take_back(session, platform.now + workers.RUNNING_PATIENCE) == 0
        assert workers.take_back(session, platform.now + workers.RUNNING_PATIENCE + timedelta(seconds=1)) == 2
        with pytest.raises(OperationalError):
            elsewhere.execute(text("SELECT 1"))


def test_a_worker_that_is_slow_keeps_its_account_as_long_as_units_end(
    session: Session, account: int, platform: Platform, elsewhere: Connection
) -> None:
    with workers.account_lock(elsewhere, account):
        claim(session, account, platform)
        later = platform.now + workers.RUNNING_PATIENCE
        session.execute(update(SyncUnit).where(SyncUnit.publish_day == D1).values(state="done", finished_at=later))
        session.commit()
        assert workers.take_back(session, later + timedelta(hours=1)) == 0


def test_a_worker_told_to_stop_gives_its_units_back(
    service: AnalyticsSyncService, account: int, platform: Platform, session: Session
) -> None:
    platform.batch_size = 1
    days = service.read_days("linkedin", D1, D2)
    next(days)
    days.close()  # type: ignore[attr-defined]  # a generator
    session.expire_all()
    states = {
        unit.publish_day: (unit.state, unit.attempts, unit.attempt_id) for unit in session.scalars(select(SyncUnit))
    }
    assert states in ({D1: ("due", 0, None), D2: ("done", 0, None)}, {D1: ("done", 0, None), D2: ("done", 0, None)})


def test_a_worker_that_fails_for_a_reason_of_its_own_counts_the_attempt(
    service: AnalyticsSyncService, account: int, engine: Engine, session: Session
) -> None:
    session.execute(text("ALTER TABLE raw_observations ADD CHECK (payload IS NULL) NOT VALID"))
    session.commit()
    with pytest.raises(Exception, match="raw_observations_payload_check"):
        run(service)
    session.expire_all()
    rows = session.scalars(select(SyncUnit)).all()
    assert {(u.state, u.attempts, u.error_class) for u in rows} == {("waiting", 1, "transient")}
    assert all(
        str(u.error_message).endswith('violates check constraint "raw_observations_payload_check"') for u in rows
    )


def test_who_lost_the_account_stores_nothing_that_others_have_taken_over(
    service: AnalyticsSyncService, account: int, platform: Platform, session: Session, engine: Engine
) -> None:
    """The connection with the lock is cut, as by a network; meanwhile the units are taken back and read by another."""

    def cut_off(batch: int) -> None:
        if platform.likes["a"] == 1:
            with engine.connect() as other:
                other.execute(
                    text("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND granted")
                )
            platform.likes["a"] = platform.likes["b"] = 2
            assert workers.take_back(session, platform.now) == 2
            session.execute(update(SyncUnit).values(next_attempt_at=platform.now))
            session.commit()
            other_service = AnalyticsSyncService(
                session, make_fetcher=platform.fetcher, clock=lambda: platform.now, run_id="run-2"
            )
            assert {day.complete for day in other_service.read_days("linkedin", D1, D2)} == {True}
            platform.likes["a"] = platform.likes["b"] = 1

    platform.before_batch = cut_off
    platform.now += timedelta(minutes=1)
    days = {day.publish_day: day for day in service.read_days("linkedin", D1, D2)}
    assert {unit.error_message for day in days.values() for unit in day.units} == {
        "Page 10, 2026-09-01: taken over by another run",
        "Page 10, 2026-09-02: taken over by another run",
    }
    assert {n for _, _, n in likes(session)} == {2}
    assert set(ledger_states(engine).values()) == {"done"}


def test_days_that_nobody_asks_for_again_are_owed_where_the_account_is_busy(
    service: AnalyticsSyncService, platform: Platform, connected: Connect, session: Session, elsewhere: Connection,
    engine: Engine, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A backfill meets a sync from the command line. What a refresh would have listed, the next one lists."""
    platform.publish("10", "a", at(D1), likes=4)
    account = connected("10")
    monkeypatch.setattr(workers, "_LOCK", text(str(workers._LOCK).replace("30s", "10ms")))
    with workers.account_lock(elsewhere, account):
        (refreshed,) = service.list_posts("linkedin", D1, D2, by_ladder=True)
        assert (refreshed.failure is None, ledger_states(engine)) == (False, {})
        days = run(service)
    assert not any(day.complete for day in days.values()), "nobody has listed them"
    assert set(ledger_states(engine).values()) == {"due"}
    assert [
        (unit.publish_day, unit.posts_expected) for unit in retries.due_units(session, "linkedin", platform.now)
    ] == [
        (D2, None),
        (D1, None),
    ]
    session.commit()
    assert run(service, only_due=True)[D1].complete
    assert likes(session) == [("a", "09-30", 4)]


def test_a_lost_connection_is_not_taken_for_another_process(
    account: int, elsewhere: Connection, engine: Engine
) -> None:
    pid = elsewhere.scalar(text("SELECT pg_backend_pid()"))
    with engine.connect() as other:
        other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
    busy = pytest.raises(workers.AccountBusyError, match=r"^account 1 cannot be locked: AdminShutdown$")
    with busy, workers.account_lock(elsewhere, account):
        pass
