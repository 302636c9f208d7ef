"""How far each account is: when it was read, what waits, what was given up, what is left of its quota.

Here: the figures that `status` shows and the application asks for. Not here: when the next run comes (automation).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import ApiQuota, Business, PublishedPost, SocialAccount, SyncUnit
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.exceptions import ConfigurationError
from analytics_pipeline.platform_fetchers.quota import ALL_ENDPOINTS, DailyLimits
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import plan
from analytics_pipeline.sync.stored_tokens import SHUT, WITHOUT_TOKENS, stored_tokens

_TAKEN_UP_BY: Final = timedelta(hours=1)
"""Days that are due have been read after so long: the retry sensor takes them up within 20 minutes."""


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """One connected account. Times are UTC.

    `posts` counts its known posts, `synced` those with a reading. `last_sync` and `listed_at` are those of SocialAccount,
    None before the first ones.
    `waiting_until` is when the first of its waiting units may be tried again; `held_until` when the platform allows the
    next call at all. `due`, `waiting` and `parked` count publish days. `stale_reason` says why its figures are not
    fresh; None when they are. `calls_left_today` is what the daily quota still allows for the endpoint that has least
    left; None where no limit is known.
    """

    id: int
    business_id: int
    business: str
    platform: str
    account: str
    status: str
    posts: int
    synced: int
    last_sync: datetime | None
    listed_at: datetime | None
    stale_reason: str | None
    due: int
    waiting: int
    waiting_until: datetime | None
    parked: int
    held_until: datetime | None
    calls_left_today: int | None


def account_statuses(session: Session, now: datetime, business_id: int | None = None) -> list[AccountStatus]:
    """Every account that was not disconnected, or those of one business, by business and platform."""
    statement = (
        select(SocialAccount, Business.name)
        .join(Business, Business.id == SocialAccount.business_id)
        .where(SocialAccount.is_active, SocialAccount.status != "disconnected")
        .order_by(SocialAccount.business_id, SocialAccount.platform, SocialAccount.id)
        .options(*WITHOUT_TOKENS)
    )
    posts = _posts(session)
    units = _units(session)
    quotas = list(session.scalars(select(ApiQuota)))
    rows = session.execute(statement).all()
    tokens = stored_tokens(session, [account.id for account, _ in rows])
    counted_as = plan.quota_ids([account for account, _ in rows], tokens)
    soon = set(session.scalars(about_to_be_read(now)))
    found = []
    for account, business in rows:
        if business_id not in (None, account.business_id):
            continue
        known, synced = posts.get(account.id, (0, 0))
        counts, waiting_until = units.get(account.id, ({}, None))
        app, limits, impossible = account.platform, DailyLimits(), None
        try:
            fetcher = FETCHERS[account.platform].for_account(tokens[account.id].access or "", account.external_id)
            app, limits = fetcher.app, fetcher.daily_limits
        except ConfigurationError as error:
            impossible = error.message
        own = {(app, "app"), (account.platform, str(counted_as[account.id]))}
        concerning = [quota for quota in quotas if (quota.platform, quota.scope) in own]
        found.append(
            AccountStatus(
                id=account.id,
                business_id=account.business_id,
                business=business,
                platform=account.platform,
                account=account.display_name or account.external_id,
                status=account.status,
                posts=known,
                synced=synced,
                last_sync=account.last_sync and account.last_sync.astimezone(UTC),
                listed_at=account.listed_at and account.listed_at.astimezone(UTC),
                stale_reason=SHUT
                if tokens[account.id].shut
                else impossible or _stale_reason(account, now, account.id in soon),
                due=counts.get("due", 0) + counts.get("running", 0),
                waiting=counts.get("waiting", 0),
                waiting_until=waiting_until,
                parked=counts.get("parked", 0),
                held_until=_held_until(concerning, now),
                calls_left_today=_calls_left(limits, concerning, now),
            )
        )
    return found


def _posts(session: Session) -> dict[int, tuple[int, int]]:
    rows = session.execute(
        select(PublishedPost.social_account_id, func.count(), func.count(PublishedPost.last_synced_at)).group_by(
            PublishedPost.social_account_id
        )
    )
    return {account: (known, synced) for account, known, synced in rows}


def _units(session: Session) -> dict[int, tuple[Mapping[str, int], datetime | None]]:
    """By account: publish days by state, and when the first of its waiting ones may be tried again."""

    def of_state(state: str) -> ColumnElement[int]:
        return func.count().filter(SyncUnit.state == state)

    states = ("due", "running", "waiting", "parked")
    rows = session.execute(
        select(
            SyncUnit.social_account_id,
            func.min(SyncUnit.next_attempt_at).filter(SyncUnit.state == "waiting"),
            *map(of_state, states),
        ).group_by(SyncUnit.social_account_id)
    )
    return {
        account: (dict(zip(states, counts, strict=True)), until and until.astimezone(UTC))
        for account, until, *counts in rows
    }


def about_to_be_read(now: datetime) -> Select[int]:
    """Ids of accounts with days that became due just now, as when they are connected again: nobody has come to them yet."""
    return select(SyncUnit.social_account_id).where(SyncUnit.state == "due", SyncUnit.updated_at > now - _TAKEN_UP_BY)


def _stale_reason(account: SocialAccount, now: datetime, soon: bool) -> str | None:
    settings = get_settings()
    if account.status != "connected":
        return account.status_reason or "its token is refused"
    if not settings.refresh_ladder(account.platform):
        return f"{account.platform.upper()}_REFRESH is off"
    if account.last_sync is None:
        return "never read yet"
    if account.last_sync <= now - timedelta(hours=settings.alert_stale_hours):
        if soon:
            return "its days became due just now: the retry sensor reads them within 20 minutes"
        return "no schedule has reached it: is the Dagster daemon up? Ask: analytics-pipeline doctor"
    return None


def _held_until(quotas: list[ApiQuota], now: datetime) -> datetime | None:
    held = [
        quota.held_until.astimezone(UTC)
        for quota in quotas
        if quota.endpoint == ALL_ENDPOINTS and quota.held_until is not None and quota.held_until > now
    ]
    return max(held, default=None)


def _calls_left(limits: DailyLimits, quotas: list[ApiQuota], now: datetime) -> int | None:
    left = [limit for limit in (limits.app, limits.account) if limit is not None]
    for quota in quotas:
        limit = limits.app if quota.scope == "app" else limits.account
        if limit is not None and quota.day == now.astimezone(UTC).date():
            left.append(max(0, limit - quota.calls))
    return min(left, default=None)
