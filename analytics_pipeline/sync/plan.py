"""What a sync has to do: which accounts, which units, which posts.

Here: reading the ledger and the posts. Not here: changing them, calling platforms.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, false, func, or_, select, true
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import AccountAnalytics, PublishedPost, SocialAccount, SyncError, SyncUnit
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.sync.ledger import Failure, one_of
from analytics_pipeline.sync.results import PostFailure, UnitResult
from analytics_pipeline.sync.stored_tokens import WITHOUT_TOKENS, StoredTokens, tokens_to_use

# Columns of the tables: to build objects of them takes longer than to read them.
_post = PublishedPost.__table__.c
_unit = SyncUnit.__table__.c

LISTED_TOGETHER = timedelta(days=14)
"""Days to be listed that lie no further apart are listed in one go."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a worker needs to know of a social account. Never shown whole: `access_token` is secret.

    `quota_id` is the account under whose id its calls are counted (`quota_ids`). `shut` = the key does not open its token.
    """

    id: int
    business_id: int
    platform: str
    external_id: str
    name: str
    access_token: str
    status: str
    quota_id: int
    shut: bool = False

    def __repr__(self) -> str:
        return f"Account({self.id}, {self.platform}, {self.name!r})"


@dataclass(slots=True)
class KnownUnit:
    """A unit as the ledger shows it: the fields of SyncUnit that say what is to be done, and what was."""

    publish_day: date
    state: str
    posts_expected: int | None
    posts_synced: int
    error_class: str | None
    error_message: str | None
    next_attempt_at: datetime | None


@dataclass(slots=True)
class PlannedPost:
    """A post to be read. `fresh` means that this very run has read it already, by its listing."""

    id: int
    platform_post_id: str
    published_at: datetime
    published_on: date
    post_type: str | None
    unavailable_since: datetime | None
    fresh: bool


@dataclass(frozen=True, slots=True)
class OwnFigures:
    """What is known of an account's own figures: when the first and newest were read (UTC), and whether its history was.

    Followers are no history: their number is that of the moment, and comes alone where all else fails.
    """

    first_read_at: datetime
    read_at: datetime
    history: bool


def own_figures(session: Session, platform: str, accounts: Collection[Account]) -> dict[int, OwnFigures]:
    """By id, of those of the platform's accounts of which there are any."""
    series = [
        AccountAnalytics.__table__.c[source.metric]
        for source in FETCHERS[platform].catalog
        if source.level == "account" and source.how != "not offered" and source.metric != "followers"
    ]
    told: ColumnElement[bool] = func.bool_or(func.num_nonnulls(*series) > 0) if series else true()
    found = (
        select(
            AccountAnalytics.social_account_id,
            func.min(AccountAnalytics.fetched_at),
            func.max(AccountAnalytics.fetched_at),
            told,
        )
        .where(AccountAnalytics.social_account_id.in_([account.id for account in accounts]))
        .group_by(AccountAnalytics.social_account_id)
    )
    return {
        account: OwnFigures(first.astimezone(UTC), last.astimezone(UTC), history)
        for account, first, last, history in session.execute(found)
    }


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def accounts(session: Session, platforms: Collection[str], business_id: int | None = None) -> list[Account]:
    """Active accounts of the platforms that were not disconnected, those that need a person included.

    Raises EncryptionKeyError as `tokens_to_use`.
    """
    rows = session.scalars(
        select(SocialAccount)
        .where(SocialAccount.platform.in_(platforms), SocialAccount.is_active, SocialAccount.status != "disconnected")
        .order_by(SocialAccount.id)
        .options(*WITHOUT_TOKENS)
    ).all()
    tokens = tokens_to_use(session, [row.id for row in rows])
    counted_as = quota_ids(rows, tokens)
    return [
        Account(
            id=row.id,
            business_id=row.business_id,
            platform=row.platform,
            external_id=row.external_id,
            name=row.display_name or row.external_id,
            access_token=tokens[row.id].access or "",
            status=row.status,
            quota_id=counted_as[row.id],
            shut=tokens[row.id].shut,
        )
        for row in rows
        if business_id in (None, row.business_id)
    ]


def quota_ids(accounts: Collection[SocialAccount], tokens: Mapping[int, StoredTokens]) -> dict[int, int]:
    """By account: the first account that has the same token, where the platform counts calls by token; else itself."""
    first: dict[tuple[str, str], int] = {}
    found: dict[int, int] = {}
    for account in sorted(accounts, key=lambda account: account.id):
        # A token that is refreshed differs from account to account from then on; what it is refreshed with does not.
        token = tokens[account.id].refresh or tokens[account.id].access
        shared = FETCHERS[account.platform].quota_of_token and token
        found[account.id] = first.setdefault((account.platform, token), account.id) if shared and token else account.id
    return found


def units_by_day(
    session: Session, accounts: Collection[Account], first: date, last: date
) -> dict[date, tuple[int, int]]:
    """By publish day that has any: how many units the accounts have, and how many of them those that are connected."""
    connected = [account.id for account in accounts if account.status == "connected"]
    counts = (
        select(_unit.publish_day, func.count(), func.count().filter(_unit.social_account_id.in_(connected)))
        .where(
            _unit.social_account_id.in_([account.id for account in accounts]), _unit.publish_day.between(first, last)
        )
        .group_by(_unit.publish_day)
    )
    rows: Sequence[Any] = session.execute(counts).all()
    return {day: (of_all, of_connected) for day, of_all, of_connected in rows}


def units(session: Session, account: Account, first: date, last: date) -> list[KnownUnit]:
    """The account's units of these publish days, newest first."""
    known = (
        select(*(_unit[each.name] for each in fields(KnownUnit)))
        .where(_unit.social_account_id == account.id, _unit.publish_day.between(first, last))
        .order_by(_unit.publish_day.desc())
    )
    rows: Sequence[Any] = session.execute(known).all()
    return [KnownUnit(*unit) for unit in rows]


def wants_work(unit: KnownUnit, now: datetime, only: Collection[date] | None) -> bool:
    """Whether a run should read the unit: any, or with `only` these days and what the ledger says is due.

    Nobody may ask again before the platform's own time has come. A unit left `running` belongs to a dead worker: the
    caller holds the account's lock.
    """
    if unit.state == "waiting":
        return unit.next_attempt_at is None or unit.next_attempt_at <= now
    return only is None or unit.state in ("due", "running") or unit.publish_day in only


def given_up_listings(session: Session, platform: str, first: date, last: date) -> dict[int, tuple[date, Failure]]:
    """By account: the newest day of `first` to `last` that could not be listed for a lasting reason, and the reason."""
    rows = session.scalars(
        select(SyncUnit)
        .where(
            SyncUnit.platform == platform,
            SyncUnit.publish_day.between(first, last),
            SyncUnit.posts_expected.is_(None),
            SyncUnit.state == "parked",
            SyncUnit.error_class != "transient",
        )
        .order_by(SyncUnit.publish_day)
    )
    return {
        unit.social_account_id: (unit.publish_day, Failure(unit.error_class or "", unit.error_message or ""))
        for unit in rows
    }


def listed_until(session: Session, platform: str) -> dict[int, date]:
    """By connected account that was listed: the day up to which its posts are known, itself still in part unknown."""
    rows = session.execute(
        select(SocialAccount.id, SocialAccount.listed_at).where(
            SocialAccount.platform == platform,
            SocialAccount.is_active,
            SocialAccount.status == "connected",
            SocialAccount.listed_at.is_not(None),
        )
    )
    return {account: moment.astimezone(UTC).date() for account, moment in rows if moment}


def owed_listings(
    session: Session, now: datetime, first: date, last: date, account_id: int | None = None
) -> dict[int, list[tuple[date, date]]]:
    """By account: the ranges of `first` to `last` with days that are due although nobody knows their posts.

    `account_id`: of this account only. Days that lie further apart than LISTED_TOGETHER are in two ranges: what is listed
    is paid for on some platforms.
    """
    rows = session.execute(
        select(SyncUnit.social_account_id, SyncUnit.publish_day)
        .where(
            SyncUnit.publish_day.between(first, last),
            SyncUnit.posts_expected.is_(None),
            or_(SyncUnit.state.in_(("due", "running")), _waiting_is_over(now)),
            true() if account_id is None else SyncUnit.social_account_id == account_id,
        )
        .order_by(SyncUnit.social_account_id, SyncUnit.publish_day.desc())
    )
    owed: dict[int, list[tuple[date, date]]] = {}
    for account, day in rows:
        ranges = owed.setdefault(account, [])
        if ranges and ranges[-1][0] - day <= LISTED_TOGETHER:
            ranges[-1] = (day, ranges[-1][1])
        else:
            ranges.append((day, day))
    return owed


def posts(
    session: Session, account: Account, days: Collection[date], reuse_since: datetime | None, now: datetime
) -> list[PlannedPost]:
    """The account's posts of these publish days, newest first; those read since `reuse_since` are marked fresh.

    A reading later than `now` is none of it: figures older than that are being replayed.
    """
    statement = _newest_first(reuse_since, now).where(
        _post.social_account_id == account.id, _post.published_on == one_of(days)
    )
    return [PlannedPost(*post[1:]) for post in session.execute(statement).all()]  # one by one takes three times as long


def newest_posts(
    session: Session, accounts: Collection[Account], limit: int, reuse_since: datetime | None, now: datetime
) -> dict[int, list[PlannedPost]]:
    """The newest `limit` posts of all the accounts together, by account id."""
    statement = (
        _newest_first(reuse_since, now).where(_post.social_account_id.in_([a.id for a in accounts])).limit(limit)
    )
    by_account: dict[int, list[PlannedPost]] = {}
    for post in session.execute(statement):
        by_account.setdefault(post.social_account_id, []).append(PlannedPost(*post[1:]))
    return by_account


def _newest_first(reuse_since: datetime | None, now: datetime) -> Select[Any]:
    """The account, and then the fields of PlannedPost."""
    fresh = false() if reuse_since is None else func.coalesce(_post.last_synced_at.between(reuse_since, now), false())
    return (
        select(
            _post.social_account_id,
            _post.id,
            _post.platform_post_id,
            _post.published_at,
            _post.published_on,
            _post.post_type,
            _post.unavailable_since,
            fresh,
        )
        .where(_post.status != "deleted")
        .order_by(_post.published_at.desc(), _post.id)
    )


def left_alone(session: Session, account: Account, kept: Collection[KnownUnit]) -> list[UnitResult]:
    """Units that this run does not touch, as the ledger and its errors show them."""
    if not kept:
        return []
    failures: dict[date, list[PostFailure]] = {}
    for error in session.scalars(
        select(SyncError).where(
            SyncError.social_account_id == account.id,
            SyncError.publish_day == one_of(unit.publish_day for unit in kept),
        )
    ):
        failures.setdefault(error.publish_day, []).append(
            PostFailure(
                error.post_id, error.platform_post_id or "", error.error_class, error.message, error.status_code
            )
        )
    return [
        UnitResult(
            platform=account.platform,
            social_account_id=account.id,
            account=account.name,
            publish_day=unit.publish_day,
            state=unit.state,
            posts_expected=unit.posts_expected,
            posts_synced=unit.posts_synced,
            failures=tuple(failures.get(unit.publish_day, ())),
            error_class=unit.error_class,
            error_message=unit.error_message,
            next_attempt_at=unit.next_attempt_at,
            touched=False,
        )
        for unit in kept
    ]


def _waiting_is_over(now: datetime) -> ColumnElement[bool]:
    return and_(SyncUnit.state == "waiting", SyncUnit.next_attempt_at <= now)
