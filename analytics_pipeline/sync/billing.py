"""What the platforms were asked and charged, kept per account and run.

Here: rows of `api_usage` and `billed_reads`. Not here: prices (platform_fetchers), quotas (`quota.py`).
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import ApiUsage, BilledRead
from analytics_pipeline.platform_fetchers.usage import Usage
from analytics_pipeline.sync.plan import Account


def billed_reads(session: Session, account_id: int, now: datetime) -> set[tuple[date, str]]:
    """(UTC day, id) of what was charged for the account on the day of `now`."""
    today = now.astimezone(UTC).date()
    statement = select(BilledRead.billed_on, BilledRead.resource_id).where(
        BilledRead.social_account_id == account_id, BilledRead.billed_on == today
    )
    return {(day, resource) for day, resource in session.execute(statement)}


def record(
    session: Session,
    account: Account,
    usage: Usage,
    billed: Collection[tuple[date, str]],
    run_id: str | None,
    now: datetime,
) -> None:
    """Keeps what a piece of work on an account has used, if anything, and the reads it was charged for."""
    if usage.calls:
        session.execute(
            insert(ApiUsage).values(
                social_account_id=account.id,
                platform=account.platform,
                run_id=run_id,
                api_calls=usage.calls,
                posts_read=usage.posts,
                cost_usd=usage.cost_usd,
                unknown_errors=usage.unknown_errors,
                used_at=now,
            )
        )
    if billed:
        yesterday = now.astimezone(UTC).date() - timedelta(days=1)
        session.execute(
            delete(BilledRead).where(BilledRead.social_account_id == account.id, BilledRead.billed_on < yesterday)
        )
        session.execute(
            upsert(BilledRead).on_conflict_do_nothing(),
            [
                {"social_account_id": account.id, "billed_on": day, "resource_id": resource}
                for day, resource in sorted(billed)
            ],
        )
