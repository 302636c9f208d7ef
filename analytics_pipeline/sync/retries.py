"""Which units of the ledger want work that nobody does: what the retry sensor asks runs for.

Here: choosing units, and noting that they were asked for. Not here: what units become (`ledger.py`), runs.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, tuple_, update
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import SocialAccount, SyncUnit

DUE_PATIENCE = timedelta(minutes=15)
"""A unit due for longer was left behind by the run that listed it, or that was asked for to work on it."""

UNITS_PER_ACCOUNT = 400
"""Units of one account that automation asks for at once: a year of publish days."""


def due_units(session: Session, platform: str, now: datetime) -> Sequence[SyncUnit]:
    """Units of connected accounts that nobody works on and that want work now, newest publish days first.

    What is `due` is somebody's work in progress until it has been so for too long; what was never listed is nobody's. A
    unit that a run was asked for within DUE_PATIENCE is left to that run. An account that is throttled is left alone until
    the latest time that the platform gave it. At most UNITS_PER_ACCOUNT of an account, so that no account's backlog hides
    another's.
    """
    throttled = select(SyncUnit.social_account_id).where(
        SyncUnit.platform == platform,
        SyncUnit.state == "waiting",
        SyncUnit.error_class == "throttled",
        SyncUnit.next_attempt_at > now,
    )
    orphaned = (SyncUnit.state == "due") & (
        (SyncUnit.updated_at < now - DUE_PATIENCE) | SyncUnit.posts_expected.is_(None)
    )
    place = func.row_number().over(partition_by=SyncUnit.social_account_id, order_by=SyncUnit.publish_day.desc())
    wanted = (
        select(SyncUnit.social_account_id, SyncUnit.publish_day, place.label("place"))
        .join(SocialAccount, SocialAccount.id == SyncUnit.social_account_id)
        .where(
            SyncUnit.platform == platform,
            SocialAccount.is_active,
            SocialAccount.status == "connected",
            SyncUnit.social_account_id.not_in(throttled),
            or_((SyncUnit.state == "waiting") & (SyncUnit.next_attempt_at <= now), orphaned),
            or_(SyncUnit.asked_at.is_(None), SyncUnit.asked_at <= now - DUE_PATIENCE),
        )
        .subquery()
    )
    return session.scalars(
        select(SyncUnit)
        .join(
            wanted,
            (SyncUnit.social_account_id == wanted.c.social_account_id) & (SyncUnit.publish_day == wanted.c.publish_day),
        )
        .where(wanted.c.place <= UNITS_PER_ACCOUNT)
        .order_by(SyncUnit.publish_day.desc(), SyncUnit.social_account_id)
    ).all()


def remember_asked(session: Session, units: Collection[SyncUnit], now: datetime) -> None:
    """Notes that a run was asked for these units."""
    keys = sorted((unit.social_account_id, unit.publish_day) for unit in units)
    session.execute(
        update(SyncUnit)
        .where(tuple_(SyncUnit.social_account_id, SyncUnit.publish_day).in_(keys))
        .values(asked_at=now, updated_at=SyncUnit.updated_at)
        .execution_options(synchronize_session=False)
    )
