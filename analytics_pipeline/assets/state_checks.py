"""Checks of a platform's state by the ledger: is yesterday there, are readings young, is nothing given up.

Here: the questions and their words. They cost a moment of SQL and no run: `automation/state_sensor.py` asks them all the
time. Not here: what a run knows of its own days (`post_analytics.py`), odd figures (`checks.py`).
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, time, timedelta

import dagster as dg
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SyncUnit
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync.results import next_step
from analytics_pipeline.sync.status import AccountStatus, account_statuses

Accounts = Sequence[AccountStatus]
"""The accounts of one platform."""

_NAMED = 5


def yesterday_is_there(session: Session, platform: str, accounts: Accounts, now: datetime) -> dg.AssetCheckResult:
    """Whether every connected account was listed since yesterday ended, and every post of yesterday has figures."""
    today = datetime.combine(now.astimezone(UTC).date(), time(), UTC)
    yesterday = today.date() - timedelta(days=1)
    unlisted = [account for account in accounts if account.listed_at is None or account.listed_at < today]
    unfinished: Sequence[SyncUnit] = session.scalars(
        select(SyncUnit)
        .where(
            SyncUnit.social_account_id.in_([account.id for account in accounts]),
            SyncUnit.publish_day == yesterday,
            SyncUnit.state != "done",
        )
        .order_by(SyncUnit.social_account_id)
    ).all()
    names = {account.id: account.account for account in accounts}
    missing = [
        f"{account.account} was not listed since {yesterday} ended ({account.stale_reason or 'the next refresh lists it'})"
        for account in unlisted
    ]
    missing += [f"{names[unit.social_account_id]}: {_why(unit)}" for unit in unfinished]
    return _result(missing, f"{yesterday} is there for all {len(accounts)} accounts.", f"{yesterday} is incomplete")


def readings_are_young(session: Session, platform: str, accounts: Accounts, now: datetime) -> dg.AssetCheckResult:
    """Whether every connected account was read within ALERT_STALE_HOURS, unless the platform is switched off."""
    settings = get_settings()
    if not settings.refresh_ladder(platform):
        return _result([], f"{platform.upper()}_REFRESH is off: nothing is to be read.", "")
    old = [f"{account.account}: {account.stale_reason}" for account in accounts if account.stale_reason]
    hours = settings.alert_stale_hours
    return _result(old, f"All {len(accounts)} accounts were read within {hours} h.", "Figures are not fresh")


def no_failed_days(session: Session, platform: str, accounts: Accounts, now: datetime) -> dg.AssetCheckResult:
    """Whether no publish day of a connected account was given up."""
    names = {account.id: account.account for account in accounts}
    rows = session.execute(
        select(
            SyncUnit.social_account_id,
            func.count(),
            func.min(SyncUnit.publish_day),
            func.max(SyncUnit.publish_day),
            func.max(SyncUnit.error_message),
        )
        .where(SyncUnit.social_account_id.in_(names), SyncUnit.state == "parked")
        .group_by(SyncUnit.social_account_id)
        .order_by(SyncUnit.social_account_id)
    )
    given_up = [
        f"{names[account]}: {count} days, {first} to {last}, {reason or 'no reason given'}. Mend that, then: "
        f"analytics-pipeline backfill --platform {platform} --from {first} --to {last} --failed-only"
        for account, count, first, last, reason in rows
    ]
    return _result(given_up, "No day was given up.", "Days were given up")


STATE_CHECKS: dict[str, Callable[[Session, str, Accounts, datetime], dg.AssetCheckResult]] = {
    check.__name__: check for check in (yesterday_is_there, readings_are_young, no_failed_days)
}

_DESCRIPTIONS = {
    "yesterday_is_there": "Every account was listed since yesterday (UTC) ended, and all its posts of that day have figures.",
    "readings_are_young": "Every connected account was read within ALERT_STALE_HOURS.",
    "no_failed_days": "No publish day was given up after its last attempt.",
}


def state_check_keys(platform: str) -> list[dg.AssetCheckKey]:
    """The keys of the platform's checks, in their order."""
    return [dg.AssetCheckKey(dg.AssetKey([platform, "post_analytics"]), name) for name in STATE_CHECKS]


def state_check(platform: str, name: str) -> dg.AssetChecksDefinition:
    """One of the checks as a definition, so that it can also be run by hand."""

    @dg.asset_check(asset=[platform, "post_analytics"], name=name, description=_DESCRIPTIONS[name])
    def check(database: DatabaseResource) -> dg.AssetCheckResult:
        with database.session() as session:
            now = datetime.now(UTC)
            return STATE_CHECKS[name](session, platform, of_platform(account_statuses(session, now), platform), now)

    return check


def all_state_checks() -> list[dg.AssetChecksDefinition]:
    """Every check of every platform."""
    return [state_check(platform, name) for platform in FETCHERS for name in STATE_CHECKS]


def of_platform(accounts: Accounts, platform: str) -> Accounts:
    """The accounts of the platform."""
    return [account for account in accounts if account.platform == platform]


def _why(unit: SyncUnit) -> str:
    why = (unit.error_message or unit.state).rstrip(".")
    return f"{why}. {next_step(unit.platform, unit.publish_day, unit.state, unit.next_attempt_at)}"


def _result(faults: Sequence[str], all_is_well: str, what: str) -> dg.AssetCheckResult:
    named = "; ".join(faults[:_NAMED]) + (f"; and {len(faults) - _NAMED} more" if len(faults) > _NAMED else "")
    return dg.AssetCheckResult(
        passed=not faults,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{what}: {named}" if faults else all_is_well,
        metadata={"found": len(faults)},
    )
