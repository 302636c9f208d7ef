"""What is wrong at this moment, by the database and the settings, in words that a person can act on.

Here: parked days, accounts that need a person or soon will, Pages without figures, stale platforms, API versions near
their end. Not here: failed runs (`automation/alerts_sensor.py`, they are Dagster's), whether a cause has been told
(`book.py`).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business, PublishedPost, SocialAccount, SyncUnit
from analytics_pipeline.platform_fetchers import FETCHERS, versions
from analytics_pipeline.settings import Settings
from analytics_pipeline.sync.status import about_to_be_read
from analytics_pipeline.sync.stored_tokens import WITHOUT_TOKENS

_FIGURES_BY: Final = timedelta(days=2)
_LATELY: Final = timedelta(days=7)
_REFRESHED_BY: Final = timedelta(days=1)
"""A token that is due to be refreshed should have been after so long."""
_LEAST_POSTS: Final = 5
"""So many posts, all older than two days and read within the last seven, must lack their views to be a cause."""


@dataclass(frozen=True, slots=True)
class Cause:
    """`key` stays the same for as long as the same thing is wrong; `message` may change from day to day."""

    key: str
    message: str


def present(session: Session, settings: Settings, now: datetime) -> Iterator[Cause]:
    """Everything that is wrong at `now`, the accounts first."""
    yield from _accounts(session)
    yield from _ending(session, now)
    yield from _parked(session)
    yield from _withheld(session, now)
    yield from _stale(session, settings, now)
    yield from _versions(session, settings, now.astimezone(UTC).date())


def _accounts(session: Session) -> Iterator[Cause]:
    statement = (
        select(SocialAccount, Business.name)
        .join(Business, Business.id == SocialAccount.business_id)
        .where(SocialAccount.is_active, SocialAccount.status == "needs_reauth")
        .order_by(SocialAccount.id)
        .options(*WITHOUT_TOKENS)
    )
    for account, business in session.execute(statement):
        yield Cause(
            f"account {account.id}",
            f"{_named(account, business)} cannot be read: {_clause(account.status_reason or 'its token is refused')}. "
            f"Get a new token, then: {_add(account)}",
        )


def _ending(session: Session, now: datetime) -> Iterator[Cause]:
    """Accounts whose token should have been refreshed a day ago: it cannot be, or not for longer (LinkedIn's year)."""
    statement = (
        select(SocialAccount, Business.name)
        .join(Business, Business.id == SocialAccount.business_id)
        .where(SocialAccount.is_active, SocialAccount.status == "connected", SocialAccount.token_expires_at > now)
        .order_by(SocialAccount.id)
        .options(*WITHOUT_TOKENS)
    )
    for account, business in session.execute(statement):
        end, fetcher = account.token_expires_at, FETCHERS.get(account.platform)
        if end and fetcher and end <= now + fetcher.oauth.lead - _REFRESHED_BY:
            why = f": {_clause(account.status_reason)}. Mend that, or get" if account.status_reason else ". Get"
            yield Cause(
                f"token {account.id}",
                f"The token of {_named(account, business)} ends on {end.astimezone(UTC):%Y-%m-%d %H:%M} UTC, and has not "
                f"been refreshed for longer{why} a new token until then, and: {_add(account)}",
            )


def _parked(session: Session) -> Iterator[Cause]:
    """One cause per account and kind of fault: a hundred days with the same trouble are one thing to mend."""
    statement = (
        select(
            SocialAccount,
            Business.name,
            SyncUnit.error_class,
            func.count(),
            func.min(SyncUnit.publish_day),
            func.max(SyncUnit.publish_day),
            func.max(SyncUnit.error_message),
        )
        .join(SocialAccount, SocialAccount.id == SyncUnit.social_account_id)
        .join(Business, Business.id == SocialAccount.business_id)
        .where(SocialAccount.is_active, SyncUnit.state == "parked")
        .group_by(SocialAccount.id, Business.name, SyncUnit.error_class)
        .order_by(SocialAccount.id, SyncUnit.error_class)
        .options(*WITHOUT_TOKENS)
    )
    for account, business, error_class, count, first, last, example in session.execute(statement):
        days = f"{count} publish days, {first} to {last}," if count > 1 else f"The publish day {first}"
        yield Cause(
            f"parked {account.id} {error_class}",
            f"{days} of {_named(account, business)} given up: {_clause(example or error_class or 'no reason given')}. "
            f"Mend that, then: analytics-pipeline backfill --platform {account.platform} --from {first} --to {last} "
            "--failed-only",
        )


def _withheld(session: Session, now: datetime) -> Iterator[Cause]:
    """Pages whose posts have all been read without figures: without read_insights Facebook answers nothing, not an error."""
    old_enough, lately = now - _FIGURES_BY, now - _LATELY
    statement = (
        select(SocialAccount, Business.name, func.count())
        .join(Business, Business.id == SocialAccount.business_id)
        .join(PublishedPost, PublishedPost.social_account_id == SocialAccount.id)
        .where(SocialAccount.is_active, SocialAccount.status == "connected", SocialAccount.platform == "facebook")
        .where(PublishedPost.published_at < old_enough, PublishedPost.last_synced_at > lately)
        .group_by(SocialAccount.id, Business.name)
        .having(func.count() >= _LEAST_POSTS, func.count(PublishedPost.impressions) == 0)
        .order_by(SocialAccount.id)
        .options(*WITHOUT_TOKENS)
    )
    for account, business, posts in session.execute(statement):
        yield Cause(
            f"withheld {account.id}",
            f"{_named(account, business)} gives views of none of the {posts} posts that were read since "
            f"{lately.astimezone(UTC):%Y-%m-%d}. Either the permission read_insights was not granted, or the Page has fewer "
            f"than 100 likes. Get a token with it, then: {_add(account)}",
        )


def _stale(session: Session, settings: Settings, now: datetime) -> Iterator[Cause]:
    """Platforms none of whose connected accounts has been called with success for too long, unless switched off.

    Nor while days of an account became due just now, as when it is connected again: nobody has come to them yet.
    """
    last_success: ColumnElement[datetime] = case(
        (SocialAccount.id.in_(about_to_be_read(now)), now),
        else_=func.coalesce(SocialAccount.last_sync, SocialAccount.created_at),
    )
    statement = (
        select(SocialAccount.platform, func.max(last_success))
        .where(SocialAccount.is_active, SocialAccount.status == "connected")
        .group_by(SocialAccount.platform)
        .order_by(SocialAccount.platform)
    )
    for platform, last in session.execute(statement):
        if last < now - timedelta(hours=settings.alert_stale_hours) and settings.refresh_ladder(platform):
            yield Cause(
                f"stale {platform}",
                f"No {platform} account has been read since {last.astimezone(UTC):%Y-%m-%d %H:%M} UTC. Look at the "
                f"schedule {platform}_refresh and the runs of {platform}_sync in the Dagster UI, and run: "
                "analytics-pipeline doctor",
            )


def _versions(session: Session, settings: Settings, today: date) -> Iterator[Cause]:
    in_use = set(session.scalars(select(SocialAccount.platform).where(SocialAccount.is_active).distinct()))
    for chosen in versions.in_use(settings):
        if chosen.ends_soon(today) and in_use & set(chosen.platforms):
            verb = "ended" if chosen.has_ended(today) else "ends"
            yield Cause(
                f"version {chosen.setting} {chosen.version}",
                f"Version {chosen.version} of the API of {' and '.join(chosen.platforms)} {verb} about {chosen.sunset}; "
                f"then {chosen.after_sunset}. Set {chosen.setting} to a newer version and restart.",
            )


def _clause(reason: str) -> str:
    """The reason as a part of a sentence."""
    return reason.rstrip(". ")


def _add(account: SocialAccount) -> str:
    """The command that connects the account anew."""
    return (
        f"analytics-pipeline accounts add --business {account.business_id} --platform {account.platform} "
        f"--id {account.external_id}"
    )


def _named(account: SocialAccount, business: str) -> str:
    name = account.display_name or account.external_id
    return f"{account.platform} account {name}" + ("" if name == business else f" ({business})")
