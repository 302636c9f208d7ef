"""The ledger `sync_units`: what is due, running, done, waiting or parked, per account and publish day.

Here: what units become as they are listed, claimed and read. Not here: which of them are to be tried again
(`retries.py`), who works on them (`workers.py`), talking to platforms, storing figures.
"""

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ARRAY, CollectionAggregate, Date, any_, delete, func, insert, literal, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SocialAccount, SyncError, SyncUnit
from analytics_pipeline.database.writes import document, rows_given
from analytics_pipeline.sync.results import UnitResult

MAX_ATTEMPTS = 5
"""Attempts that may fail for a passing reason before a unit is parked for a person."""

THROTTLED_FOR = timedelta(minutes=15)
"""The wait where a platform throttles and does not say for how long: the window that most of them count in."""

_FIRST_DELAY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to work on one unit: valid as long as the ledger still shows `attempt_id`."""

    social_account_id: int
    publish_day: date
    attempt_id: uuid.UUID
    attempts: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why work ended early. `retry_after` is seconds, None where the platform did not say."""

    error_class: str
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a unit ends, as columns of the ledger."""

    state: str
    error_class: str | None = None
    error_message: str | None = None
    next_attempt_at: datetime | None = None


def one_of(days: Iterable[date]) -> CollectionAggregate[Any]:
    """To compare a column with: one parameter for however many days, so that the statement is prepared but once."""
    return any_(literal(sorted(days), ARRAY(Date)))


def owe_listing(session: Session, account_id: int, platform: str, first: date, last: date) -> None:
    """Makes every day of `first` to `last` that the ledger does not know due: nobody has listed its posts yet."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    rows = [{"social_account_id": account_id, "publish_day": day, "platform": platform} for day in days]
    if rows:
        session.execute(upsert(SyncUnit).on_conflict_do_nothing(), rows)


def release_failed(session: Session, platform: str, first: date, last: date) -> int:
    """Makes the units of `first` to `last` that were given up, or that the ledger does not know, due.

    Says how many there are to read, with those that a killed worker left running. Only connected accounts: what waits
    for a person goes on when the account is connected anew. What waits for the platform's own time keeps waiting.
    """
    accounts = session.scalars(
        select(SocialAccount.id).where(
            SocialAccount.platform == platform, SocialAccount.is_active, SocialAccount.status == "connected"
        )
    ).all()
    of_range = (SyncUnit.social_account_id.in_(accounts), SyncUnit.publish_day.between(first, last))
    session.execute(
        update(SyncUnit)
        .where(*of_range, SyncUnit.state == "parked")
        .values(state="due", attempts=0, error_class=None, error_message=None, updated_at=func.now())
    )
    for account in accounts:
        owe_listing(session, account, platform, first, last)
    return session.scalar(select(func.count()).where(*of_range, SyncUnit.state.in_(("due", "running")))) or 0


def register_listing(session: Session, account_id: int, first: date, last: date) -> None:
    """After a complete listing of `first` to `last`: one unit per day that has posts, due if its number of posts grew.

    Units of days that turn out to have no posts, or no longer, are done, and nothing of them has failed.
    """
    listed = {"account": account_id, "first": first, "last": last}
    session.execute(_EXPECT_POSTS, listed)
    session.execute(_EXPECT_NONE, listed)


_EXPECT_POSTS = text("""
INSERT INTO sync_units AS unit (social_account_id, publish_day, platform, posts_expected)
SELECT social_account_id, published_on, platform, count(*)
FROM published_posts
WHERE social_account_id = :account AND published_on BETWEEN :first AND :last AND status <> 'deleted'
GROUP BY social_account_id, published_on, platform
ORDER BY published_on
ON CONFLICT (social_account_id, publish_day) DO UPDATE SET
    posts_expected = excluded.posts_expected,
    state = CASE
        WHEN unit.posts_expected IS NULL OR (unit.state = 'done' AND unit.posts_expected < excluded.posts_expected)
            THEN 'due'
        ELSE unit.state
    END,
    attempts = CASE WHEN unit.posts_expected IS NULL THEN 0 ELSE unit.attempts END,
    error_class = CASE WHEN unit.posts_expected IS NOT NULL THEN unit.error_class END,
    error_message = CASE WHEN unit.posts_expected IS NOT NULL THEN unit.error_message END,
    updated_at = now()
WHERE unit.posts_expected IS DISTINCT FROM excluded.posts_expected
""")
_EXPECT_NONE = text("""
WITH emptied AS (
    UPDATE sync_units SET
        posts_expected = 0, posts_synced = 0, state = 'done', attempts = 0, error_class = NULL, error_message = NULL,
        next_attempt_at = NULL, updated_at = now()
    WHERE social_account_id = :account AND publish_day BETWEEN :first AND :last AND posts_expected IS DISTINCT FROM 0
        AND NOT EXISTS (
            SELECT FROM published_posts AS p
            WHERE p.social_account_id = :account AND p.published_on = sync_units.publish_day AND p.status <> 'deleted'
        )
    RETURNING publish_day
)
DELETE FROM sync_errors USING emptied
WHERE sync_errors.social_account_id = :account AND sync_errors.publish_day = emptied.publish_day
""")


def record_listing_failure(
    session: Session, account_id: int, platform: str, days: Sequence[date], failure: Failure, now: datetime
) -> None:
    """After a listing that failed: every day of it ends as the failure says, since nobody knows its posts.

    Days whose posts are known are read all the same: they stay as they are, but for those that are not done where the
    account needs a person. The days of a listing are tried, and given up, together.
    """
    before = session.scalar(
        select(func.max(SyncUnit.attempts)).where(
            SyncUnit.social_account_id == account_id,
            SyncUnit.publish_day == one_of(days),
            SyncUnit.posts_expected.is_(None),
        )
    )
    attempts = (before or 0) + (failure.error_class != "throttled")
    outcome = outcome_of(failure, attempts, now)
    rows = [
        {
            "social_account_id": account_id,
            "publish_day": day,
            "platform": platform,
            "attempts": attempts,
            **asdict(outcome),
        }
        for day in sorted(days)
    ]
    if not rows:
        return
    statement = upsert(SyncUnit).values(rows)
    needs_person = outcome.state == "needs_reauth"
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["social_account_id", "publish_day"],
            set_={
                **{name: getattr(statement.excluded, name) for name in asdict(outcome)},
                "attempts": statement.excluded.attempts,
                "asked_at": None,
                "updated_at": func.now(),
            },
            where=(SyncUnit.state != "done") if needs_person else SyncUnit.posts_expected.is_(None),
        )
    )


def claim(session: Session, account_id: int, days: Iterable[date], run_id: str | None, now: datetime) -> list[Claim]:
    """Marks the account's units of `days` running, for the holder of its lock, and says which they are."""
    statement = (
        update(SyncUnit)
        .where(SyncUnit.social_account_id == account_id, SyncUnit.publish_day == one_of(days))
        .values(
            state="running",
            attempts=SyncUnit.attempts + 1,
            attempt_id=func.gen_random_uuid(),
            run_id=run_id,
            started_at=now,
            finished_at=None,
            next_attempt_at=None,
            asked_at=None,
            updated_at=func.now(),
        )
        .returning(SyncUnit.social_account_id, SyncUnit.publish_day, SyncUnit.attempt_id, SyncUnit.attempts)
        .execution_options(synchronize_session=False)
    )
    return [Claim(account, day, attempt, n) for account, day, attempt, n in session.execute(statement) if attempt]


def held(session: Session, claims: Sequence[Claim]) -> set[Claim]:
    """Those of one account's claims that are still valid, locked: no other worker can take them over any more."""
    statement = (
        select(SyncUnit.publish_day, SyncUnit.attempt_id)
        .where(
            SyncUnit.social_account_id.in_({claim.social_account_id for claim in claims}),
            SyncUnit.publish_day == one_of(claim.publish_day for claim in claims),
        )
        .order_by(SyncUnit.publish_day)
        .with_for_update()
    )
    attempts = {row.publish_day: row.attempt_id for row in session.execute(statement)} if claims else {}
    return {claim for claim in claims if attempts.get(claim.publish_day) == claim.attempt_id}


def finish(session: Session, ended: Sequence[tuple[Claim, UnitResult]], run_id: str | None, now: datetime) -> None:
    """Writes the ends of one account's units, whose claims are `held`, and their failing posts."""
    if not ended:
        return
    days = [claim.publish_day for claim, _ in ended]
    account = ended[0][0].social_account_id
    rows = [
        (
            claim.publish_day,
            result.state,
            _attempts(claim, result),
            result.next_attempt_at,
            result.error_class,
            result.error_message,
            result.posts_expected,
            result.posts_synced,
            result.usage.calls,
            result.usage.posts,
            None if result.usage.cost_usd is None else str(result.usage.cost_usd),
        )
        for claim, result in ended
    ]
    session.connection().exec_driver_sql(_FINISH, {"account": account, "now": now, "rows": document(_FINISHED, rows)})
    session.execute(
        delete(SyncError).where(SyncError.social_account_id == account, SyncError.publish_day == one_of(days))
    )
    failures = [(claim, failure) for claim, result in ended for failure in result.failures]
    if failures:
        session.execute(
            insert(SyncError),
            [
                {
                    "social_account_id": account,
                    "publish_day": claim.publish_day,
                    "post_id": failure.post_id,
                    "platform_post_id": failure.platform_post_id,
                    "error_class": failure.error_class,
                    "message": failure.message,
                    "status_code": failure.status_code,
                    "run_id": run_id,
                }
                for claim, failure in failures
            ],
        )


def _attempts(claim: Claim, result: UnitResult) -> int:
    if result.state == "done":
        return 0
    # Throttled: the platform asked us to wait, nothing went wrong.
    return claim.attempts - 1 if result.error_class == "throttled" else claim.attempts


_FINISHED = {
    "publish_day": "date",
    "state": "text",
    "attempts": "int",
    "next_attempt_at": "timestamptz",
    "error_class": "text",
    "error_message": "text",
    "posts_expected": "int",
    "posts_synced": "int",
    "api_calls": "int",
    "posts_read": "int",
    "cost_usd": "numeric",
}
_FINISH = f"""
UPDATE sync_units AS unit SET
    {", ".join(f"{name} = given.{name}" for name in _FINISHED if name != "publish_day")},
    attempt_id = NULL, finished_at = %(now)s, updated_at = now()
FROM {rows_given(_FINISHED)}
WHERE unit.social_account_id = %(account)s AND unit.publish_day = given.publish_day
"""  # noqa: S608 - names of columns only


def release(session: Session, account_id: int, *, given_up: bool = False) -> None:
    """Makes due what waited for the account to be connected again, or for its token to be refreshed.

    `given_up`: what was parked too, since a person has dealt with the account.
    """
    states = ["needs_reauth", "parked"] if given_up else ["needs_reauth"]
    session.execute(
        update(SyncUnit)
        .where(SyncUnit.social_account_id == account_id, SyncUnit.state.in_(states))
        .values(state="due", attempts=0, error_class=None, error_message=None, updated_at=func.now())
    )


def outcome_of(failure: Failure, attempts: int, now: datetime) -> Outcome:
    """What a failure means for a unit; `attempts` counts the one that just failed."""
    state, next_attempt_at = "parked", None
    if failure.error_class == "throttled":
        wait = THROTTLED_FOR if failure.retry_after is None else timedelta(seconds=failure.retry_after)
        state, next_attempt_at = "waiting", now + wait
    elif failure.error_class in ("token", "permission"):
        state = "needs_reauth"
    elif failure.error_class == "transient" and attempts < MAX_ATTEMPTS:
        wait = max(_delay(attempts), timedelta(seconds=failure.retry_after or 0))
        state, next_attempt_at = "waiting", now + wait
    return Outcome(state, failure.error_class, failure.message, next_attempt_at)


def _delay(attempts: int) -> timedelta:
    """1, 4, 16, 64 minutes …: a fault that lasts is asked about ever more rarely."""
    return _FIRST_DELAY * int(4 ** max(0, attempts - 1))


def tell_later(session: Session, platform: str, days: Collection[date]) -> None:
    """Notes days whose figures were read outside Dagster, which a sensor then tells it of."""
    if days:
        session.execute(_TELL_LATER, {"platform": platform, "days": sorted(days)})


# One parameter for however many days: rows of an insert would take longer to put together than to write.
_TELL_LATER = text("""
INSERT INTO changed_days (asset, platform, day) SELECT 'post_analytics', :platform, unnest(CAST(:days AS date[]))
ON CONFLICT DO NOTHING
""")
