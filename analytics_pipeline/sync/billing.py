"""What the platforms were asked and charged, kept per account and run.

Here: rows of `api_usage` and `billed_reads`. Not here: prices (platform_fetchers), quotas (`quota.py`).
"""

import json
from collections.abc import Collection
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, insert, select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import ApiUsage, BilledRead
from analytics_pipeline.platform_fetchers.usage import Usage
from analytics_pipeline.sync.plan import Account

# JSON, since the driver takes long to write an array of a thousand.
_KEEP_BILLED = text("""
INSERT INTO billed_reads AS before (social_account_id, billed_on, resource_ids)
VALUES (:account, :day, ARRAY(SELECT json_array_elements_text(CAST(:resources AS json))))
ON CONFLICT (social_account_id, billed_on) DO UPDATE SET resource_ids = before.resource_ids || excluded.resource_ids
""")


def billed_reads(session: Session, account_id: int, now: datetime) -> set[tuple[date, str]]:
    """(UTC day, id) of what was charged for the account on the day of `now`."""
    today = now.astimezone(UTC).date()
    statement = select(BilledRead.resource_ids).where(
        BilledRead.social_account_id == account_id, BilledRead.billed_on == today
    )
    return {(today, resource) for resource in session.scalar(statement) or ()}


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
        for on in sorted({day for day, _ in billed}):
            resources = json.dumps(sorted(resource for day, resource in billed if day == on))
            session.execute(_KEEP_BILLED, {"account": account.id, "day": on, "resources": resources})
