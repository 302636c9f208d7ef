"""Reading the figures of an account's known posts, in batches across days, stored as units end.

Here: claim, read, store finished units, each whole, in one transaction. Not here: finding posts (`listing.py`).
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from analytics_pipeline import logs
from analytics_pipeline.database.engine import DatabaseUnavailableError
from analytics_pipeline.database.models import PublishedPost
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.platform_fetchers.usage import NOTHING_USED, Usage
from analytics_pipeline.sync import figures, ledger, plan, workers
from analytics_pipeline.sync.ahead import ahead
from analytics_pipeline.sync.ledger import Claim, Failure
from analytics_pipeline.sync.plan import PlannedPost
from analytics_pipeline.sync.results import PostFailure, UnitResult
from analytics_pipeline.sync.work import AccountWork

_log = logging.getLogger(__name__)


def read_days(
    work: AccountWork,
    first: date,
    last: date,
    only: Collection[date] | None = None,
    reuse_since: datetime | None = None,
) -> Iterator[UnitResult]:
    """Reads the posts of the account's units of `first` to `last`; yields a result for each, those left alone included.

    `only` leaves alone what the ledger does not say is due, but for these days. Posts read since `reuse_since` (by this
    run's listing) are not read again. Where the account must not be called, what is due by the ledger ends with
    that failure: left due, it would be asked for every quarter of an hour.
    """
    try:
        with work.alone():
            blocked = work.blocked()
            if blocked is not None:
                only = ()  # what is done stays so
            with Session(work.engine) as session, session.begin():
                units = plan.units(session, work.account, first, last)
                days = [
                    unit.publish_day
                    for unit in units
                    # A unit whose posts nobody knows is the listing's to mend.
                    if unit.posts_expected is not None and plan.wants_work(unit, work.clock(), only)
                ]
                alone = plan.left_alone(session, work.account, [u for u in units if u.publish_day not in days])
                claims = ledger.claim(session, work.account.id, days, work.run_id, work.clock())
                posts = plan.posts(session, work.account, days, reuse_since, work.clock())
            try:
                yield from alone
                yield from _read(work, {claim.publish_day: claim for claim in claims}, posts, blocked)
            except BaseException as error:
                failure = work.failure_of(error) if isinstance(error, Exception) else None
                # Where the database is what failed, the retry sensor takes them back.
                with suppress(DBAPIError, DatabaseUnavailableError), Session(work.engine) as session, session.begin():
                    workers.give_back(session, claims, failure, work.clock())
                raise
    except workers.AccountBusyError as error:
        with Session(work.engine) as session:
            units = plan.units(session, work.account, first, last)
            _log.warning("%s; %d units left as they are", error, len(units))
            yield from plan.left_alone(session, work.account, units)


def read_posts(work: AccountWork, posts: Sequence[PlannedPost]) -> Iterator[UnitResult]:
    """Reads just these posts, a result for each of their days. The ledger is left as it is: a part settles no unit."""
    days = dict.fromkeys(post.published_on for post in posts)
    blocked = work.blocked()
    if blocked is None:
        try:
            with work.alone():
                yield from _read(work, days, posts)
                return
        except workers.AccountBusyError as error:
            blocked = Failure("transient", str(error))
    for day in days:
        part = _Unit(day, None, [post for post in posts if post.published_on == day])
        yield _result(work, part, [], 0, blocked, work.clock())


@dataclass(slots=True, eq=False)
class _Unit:
    """A unit while it is being read; `claim` is None where only some of its posts are."""

    day: date
    claim: Claim | None
    posts: list[PlannedPost] = field(default_factory=list)
    to_read: int = 0
    """Posts that want a reading: those that this run's listing has not read."""
    readings: dict[str, PostReading] = field(default_factory=dict)
    failure: Failure | None = None
    usage: Usage = NOTHING_USED

    @property
    def unread(self) -> int:
        return self.to_read - len(self.readings)


def _read(
    work: AccountWork,
    claims: Mapping[date, Claim | None],
    posts: Sequence[PlannedPost],
    blocked: Failure | None = None,
) -> Iterator[UnitResult]:
    units = {day: _Unit(day, claim) for day, claim in claims.items()}
    for post in posts:
        units[post.published_on].posts.append(post)
        units[post.published_on].to_read += not post.fresh
    unit_of = {post.platform_post_id: units[post.published_on] for post in posts if not post.fresh}
    refs = [PostRef(p.platform_post_id, p.published_at, p.post_type) for p in posts if not p.fresh]
    ended: list[_Unit] = []
    counted = NOTHING_USED

    def end(unit: _Unit, used: Usage, failure: Failure | None = None) -> None:
        nonlocal counted
        unit.failure = failure
        unit.usage, counted = used - counted, used
        ended.append(units.pop(unit.day))

    def store(api_version: str | None = None) -> list[UnitResult]:
        # Units that a batch ends together are stored together: a transaction each would cost more than the call.
        results = _store(work, ended, api_version) if ended else []
        ended.clear()
        return results

    for unit in [unit for unit in units.values() if blocked or not unit.unread]:
        end(unit, FETCHERS[work.account.platform].nothing_used, blocked if unit.unread else None)
    yield from store()
    if not units:
        return
    with work.fetcher() as fetcher:
        fault: Failure | None = None
        with ahead(_batches(fetcher, refs)) as batches:
            while True:
                try:
                    batch = next(batches, None)
                except Exception as error:  # noqa: BLE001  # one account never costs another
                    fault = work.failure_of(error)
                    break
                if batch is None:
                    break
                for reading, used in batch:
                    unit = unit_of[reading.platform_post_id]
                    unit.readings[reading.platform_post_id] = reading
                    if not unit.unread:
                        end(unit, used)
                yield from store(fetcher.answering_version)
        if fault and not units:  # it tells of the account all the same
            with Session(work.engine) as session, session.begin():
                work.note_outcome(session, work.as_of_now(session, fault))
        for unit in list(units.values()):
            end(unit, fetcher.usage, fault or Failure("transient", "some posts were left without an answer"))
        yield from store(fetcher.answering_version)


def _batches(fetcher: BasePlatformFetcher, refs: Sequence[PostRef]) -> Iterator[list[tuple[PostReading, Usage]]]:
    """The readings, each with what the fetcher had used by then, as many together as a batch has at most.

    Those before a fault come before it.
    """
    batch: list[tuple[PostReading, Usage]] = []
    try:
        for reading in fetcher.fetch_many(refs):
            batch.append((reading, fetcher.usage))
            if len(batch) == fetcher.batch_size:
                yield batch
                batch = []
    except Exception:
        yield batch
        raise
    yield batch


def _store(work: AccountWork, units: Sequence[_Unit], api_version: str | None) -> list[UnitResult]:
    """Stores what is known of units that have ended, figures and ledger, in one transaction."""
    now = work.clock()
    with Session(work.engine) as session, session.begin():
        failures_met = {unit.failure for unit in units if unit.failure}
        as_of_now = {failure: work.as_of_now(session, failure) for failure in failures_met}
        for unit in units:
            unit.failure = unit.failure and as_of_now[unit.failure]
        held = ledger.held(session, [unit.claim for unit in units if unit.claim is not None])
        ours = [unit for unit in units if unit.claim is None or unit.claim in held]
        read = [
            (post, unit.readings[post.platform_post_id])
            for unit in ours
            for post in unit.posts
            if not post.fresh and post.platform_post_id in unit.readings
        ]
        posts = [figures.ReadPost(post.id, reading) for post, reading in read]
        stored = figures.store(session, work.account.platform, posts, api_version, now)
        failures = {
            post.id: PostFailure(
                post.id,
                post.platform_post_id,
                reading.error.error_class,
                work.safe(reading.error.message),
                reading.error.status_code,
            )
            for post, reading in read
            if reading.error is not None
        }
        names = {post.id: post.platform_post_id for post, _ in read}
        failures |= {key: PostFailure(key, names[key], "bad_data", reason) for key, reason in stored.refused}
        kept = set(stored.stored)
        results = [
            _result(
                work,
                unit,
                [failures[post.id] for post in unit.posts if post.id in failures],
                sum(post.fresh or post.id in kept for post in unit.posts),
                unit.failure,
                now,
            )
            for unit in ours
        ]
        ledger.finish(
            session, [(unit.claim, r) for unit, r in zip(ours, results, strict=True) if unit.claim], work.run_id, now
        )
        _mark_gone(session, [(post, failures[post.id]) for post, _ in read if post.id in failures], now)
        _mark_back(session, [post for post, reading in read if reading.analytics and reading.error is None])
        for failure in {unit.failure for unit in ours if unit.failure is not None}:
            work.note_outcome(session, failure)
        # A day without posts is done without a call.
        if any(result.state == "done" and result.posts_expected for result in results):
            work.note_outcome(session, None)
        if work.run_id is None:
            days = {post.published_on for post, _ in read if post.id in kept}
            ledger.tell_later(session, work.account.platform, days)
    for unit in units:
        if unit not in ours:
            message = f"{work.account.name}, {unit.day}: taken over by another run"
            _log.warning("%s", message)
            results.append(_result(work, unit, [], 0, Failure("transient", message), now))
    for result in results:
        with logs.about(day=result.publish_day):
            said = f": {result.error_message}" if result.error_message else ""
            _log.info("%s, %d of %d posts%s", result.state, result.posts_synced, result.posts_expected, said)
    return results


def _result(
    work: AccountWork,
    unit: _Unit,
    failures: Sequence[PostFailure],
    synced: int,
    failure: Failure | None,
    now: datetime,
) -> UnitResult:
    passing = next((f for f in failures if f.error_class in ("transient", "throttled")), None)
    if failure is None and passing is not None:
        failure = Failure(passing.error_class, passing.message)
    outcome = (
        ledger.Outcome("done")
        if failure is None
        else ledger.outcome_of(failure, unit.claim.attempts if unit.claim else 1, now)
    )
    return UnitResult(
        platform=work.account.platform,
        social_account_id=work.account.id,
        account=work.account.name,
        publish_day=unit.day,
        state=outcome.state,
        posts_expected=len(unit.posts),
        posts_synced=synced,
        usage=unit.usage,
        failures=tuple(failures),
        error_class=outcome.error_class,
        error_message=outcome.error_message,
        next_attempt_at=outcome.next_attempt_at,
    )


def _mark_gone(session: Session, failures: Sequence[tuple[PlannedPost, PostFailure]], now: datetime) -> None:
    """A post said to be gone is unavailable; said so again on a later day, it is deleted. Its last figures stay."""
    for post, failure in failures:
        if failure.error_class != "gone":
            continue
        since = post.unavailable_since
        confirmed = since is not None and since.astimezone(UTC).date() < now.astimezone(UTC).date()
        session.execute(
            update(PublishedPost)
            .where(PublishedPost.id == post.id)
            .values(status="deleted" if confirmed else "unavailable", unavailable_since=since or now)
        )


def _mark_back(session: Session, posts: Sequence[PlannedPost]) -> None:
    """A post of which there are figures is there: that it was said to be gone confirms nothing any more."""
    if gone := [post.id for post in posts if post.unavailable_since is not None]:
        session.execute(
            update(PublishedPost).where(PublishedPost.id.in_(gone)).values(status="published", unavailable_since=None)
        )
