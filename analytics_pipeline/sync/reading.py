"""Reading the figures of an account's known posts, in batches across days, stored unit by unit.

Here: claim, read, store each finished unit in one transaction. Not here: finding posts (`listing.py`).
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from sqlalchemy import update
from sqlalchemy.orm import Session

from analytics_pipeline import logs
from analytics_pipeline.database import day_writes, writes
from analytics_pipeline.database.models import PublishedPost
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.platform_fetchers.usage import NOTHING_USED, Usage
from analytics_pipeline.sync import ledger, plan
from analytics_pipeline.sync.ledger import Claim, Failure
from analytics_pipeline.sync.plan import PlannedPost
from analytics_pipeline.sync.results import PostFailure, UnitResult
from analytics_pipeline.sync.work import AccountWork

_log = logging.getLogger(__name__)


def read_days(
    work: AccountWork, first: date, last: date, only_due: bool = False, reuse_since: datetime | None = None
) -> Iterator[UnitResult]:
    """Reads the posts of the account's units of `first` to `last`; yields a result for each, those left alone included.

    `only_due` leaves alone what is done. Posts read since `reuse_since` (by this run's listing) are not read again.
    """
    with work.engine.connect() as connection:
        try:
            with ledger.account_lock(connection, work.account.id):
                blocked = work.blocked()
                with Session(work.engine) as session, session.begin():
                    units = plan.units(session, work.account, first, last)
                    days = [
                        unit.publish_day
                        for unit in units
                        # A unit whose posts nobody knows is the listing's to mend.
                        if blocked is None
                        and unit.posts_expected is not None
                        and plan.wants_work(unit, work.clock(), only_due)
                    ]
                    alone = plan.left_alone(session, work.account, [u for u in units if u.publish_day not in days])
                    claims = ledger.claim(session, work.account.id, days, work.run_id, work.clock())
                    posts = plan.posts(session, work.account, days, reuse_since, work.clock())
                yield from alone
                yield from _read(work, {claim.publish_day: claim for claim in claims}, posts)
        except ledger.AccountBusyError as error:
            with Session(work.engine) as session:
                units = plan.units(session, work.account, first, last)
                _log.warning("%s; %d units left as they are", error, len(units))
                yield from plan.left_alone(session, work.account, units)


def read_posts(work: AccountWork, posts: Sequence[PlannedPost]) -> Iterator[UnitResult]:
    """Reads just these posts, a result for each of their days. The ledger is left as it is: a part settles no unit."""
    days = dict.fromkeys(post.published_on for post in posts)
    blocked = work.blocked()
    if blocked is None:
        yield from _read(work, days, posts)
        return
    for day in days:
        part = _Unit(day, None, [post for post in posts if post.published_on == day])
        yield _result(work, part, [], 0, blocked, NOTHING_USED, work.clock())


@dataclass(slots=True)
class _Unit:
    """A unit while it is being read; `claim` is None where only some of its posts are."""

    day: date
    claim: Claim | None
    posts: list[PlannedPost]
    readings: dict[str, PostReading] = field(default_factory=dict)

    @property
    def unread(self) -> int:
        return sum(not post.fresh for post in self.posts) - len(self.readings)


def _read(work: AccountWork, claims: Mapping[date, Claim | None], posts: Sequence[PlannedPost]) -> Iterator[UnitResult]:
    units = {day: _Unit(day, claim, []) for day, claim in claims.items()}
    for post in posts:
        units[post.published_on].posts.append(post)
    unit_of = {post.platform_post_id: units[post.published_on] for post in posts if not post.fresh}
    refs = [PostRef(p.platform_post_id, p.published_at, p.post_type) for p in posts if not p.fresh]
    failure: Failure | None = None
    counted = NOTHING_USED

    def finish(unit: _Unit, fetcher: BasePlatformFetcher) -> UnitResult:
        nonlocal counted
        del units[unit.day]
        usage, counted = fetcher.usage - counted, fetcher.usage
        return _store(work, unit, failure, usage, fetcher.answering_version)

    with work.fetcher() as fetcher:
        for unit in [unit for unit in units.values() if not unit.unread]:
            yield finish(unit, fetcher)
        readings = fetcher.fetch_many(refs)
        while units:
            try:
                reading = next(readings, None)
            except Exception as error:  # noqa: BLE001  # one account never costs another
                failure = work.failure_of(error)
                break
            if reading is None:
                failure = Failure("transient", "some posts were left without an answer")
                break
            unit = unit_of[reading.platform_post_id]
            unit.readings[reading.platform_post_id] = reading
            if not unit.unread:
                yield finish(unit, fetcher)
        for unit in list(units.values()):
            yield finish(unit, fetcher)


def _store(
    work: AccountWork, unit: _Unit, failure: Failure | None, usage: Usage, api_version: str | None
) -> UnitResult:
    """Stores what is known of one unit, figures and ledger, in one transaction."""
    now = work.clock()
    posts = {post.platform_post_id: post for post in unit.posts}
    failures = [
        PostFailure(posts[key].id, key, r.error.error_class, work.safe(r.error.message), r.error.status_code)
        for key, r in unit.readings.items()
        if r.error is not None
    ]
    with Session(work.engine) as session, session.begin() as transaction:
        stored = writes.store_observations(
            session,
            [
                writes.ObservationRow(posts[key].id, posts[key].published_on, r.analytics, r.raw, api_version)
                for key, r in unit.readings.items()
                if r.analytics is not None
            ],
        )
        day_writes.store_post_days(
            session,
            [
                day_writes.PostDayRow(posts[key].id, day, work.account.platform, gained, now)
                for key, r in unit.readings.items()
                for day, gained in r.days.items()
            ],
        )
        ids = {post.id: post.platform_post_id for post in unit.posts}
        failures += [PostFailure(post_id, ids[post_id], "bad_data", reason) for post_id, reason in stored.refused]
        synced = len(stored.stored) + sum(post.fresh for post in unit.posts)
        result = _result(work, unit, failures, synced, failure, usage, now)
        if unit.claim is not None:
            try:
                ledger.finish(session, unit.claim, result, work.run_id, now)
            except ledger.FencedError as error:
                transaction.rollback()
                _log.warning("%s", error)
                return _result(work, unit, [], 0, Failure("transient", str(error)), usage, now)
        _mark_gone(session, failures, posts, now)
        work.note_outcome(session, failure)
    with logs.about(day=unit.day):
        said = f": {result.error_message}" if result.error_message else ""
        _log.info("%s, %d of %d posts, %d calls%s", result.state, synced, len(unit.posts), usage.calls, said)
    return result


def _result(
    work: AccountWork,
    unit: _Unit,
    failures: Sequence[PostFailure],
    synced: int,
    failure: Failure | None,
    usage: Usage,
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
        usage=usage,
        failures=tuple(failures),
        error_class=outcome.error_class,
        error_message=outcome.error_message,
        next_attempt_at=outcome.next_attempt_at,
    )


def _mark_gone(
    session: Session, failures: Sequence[PostFailure], posts: Mapping[str, PlannedPost], now: datetime
) -> None:
    """A post said to be gone is unavailable; said so again on a later day, it is deleted. Its last figures stay."""
    for failure in failures:
        if failure.error_class != "gone":
            continue
        since = posts[failure.platform_post_id].unavailable_since
        confirmed = since is not None and since.astimezone(UTC).date() < now.astimezone(UTC).date()
        session.execute(
            update(PublishedPost)
            .where(PublishedPost.id == failure.post_id)
            .values(status="deleted" if confirmed else "unavailable", unavailable_since=since or now)
        )
