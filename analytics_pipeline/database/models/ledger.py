"""The ledger: what is due, running, done, waiting or parked, the posts that failed, and days to tell of."""

import uuid
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Index, Integer, func
from sqlalchemy.orm import Mapped, mapped_column

from analytics_pipeline.database.models.base import Base, id_column, now_column, one_of

UNIT_STATES = ("due", "running", "done", "waiting", "needs_reauth", "parked")


class SyncUnit(Base):
    """One social account × one publish day: the smallest piece of work that succeeds or fails.

    `attempt_id` fences writes: a worker whose id is no longer here may not store anything.
    `posts_expected` is NULL while nobody knows which posts the account published that day: it was never listed, or the
    listing failed. `asked_at` is when automation last asked for a run to work on it, NULL once one has.
    """

    __tablename__ = "sync_units"
    __table_args__ = (
        Index(None, "platform", "publish_day"),
        Index(None, "state", "next_attempt_at"),
        one_of("state", UNIT_STATES),
    )

    social_account_id: Mapped[int] = mapped_column(
        ForeignKey("social_accounts.id", ondelete="CASCADE"), primary_key=True
    )
    publish_day: Mapped[date] = mapped_column(primary_key=True)
    platform: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="due")
    attempts: Mapped[int] = mapped_column(Integer, server_default="0")
    attempt_id: Mapped[uuid.UUID | None]
    next_attempt_at: Mapped[datetime | None]
    error_class: Mapped[str | None]
    error_message: Mapped[str | None]
    posts_expected: Mapped[int | None] = mapped_column(Integer)
    posts_synced: Mapped[int] = mapped_column(Integer, server_default="0")
    api_calls: Mapped[int] = mapped_column(Integer, server_default="0")
    run_id: Mapped[str | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = now_column()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    posts_read: Mapped[int] = mapped_column(Integer, server_default="0")
    cost_usd: Mapped[Decimal | None]
    asked_at: Mapped[datetime | None]


class SyncError(Base):
    """One failing post of one sync, with its reason. Rows of a unit are replaced by its next attempt."""

    __tablename__ = "sync_errors"
    __table_args__ = (Index(None, "social_account_id", "publish_day"),)

    id: Mapped[int] = id_column()
    social_account_id: Mapped[int] = mapped_column(ForeignKey("social_accounts.id", ondelete="CASCADE"))
    publish_day: Mapped[date]
    post_id: Mapped[int | None] = mapped_column(ForeignKey("published_posts.id", ondelete="CASCADE"))
    platform_post_id: Mapped[str | None]
    error_class: Mapped[str]
    message: Mapped[str]
    status_code: Mapped[int | None] = mapped_column(Integer)
    run_id: Mapped[str | None]
    occurred_at: Mapped[datetime] = now_column()


class ChangedDay(Base):
    """A day (UTC) of which rows of an asset's table changed outside Dagster's runs; until it was told."""

    __tablename__ = "changed_days"

    asset: Mapped[str] = mapped_column(primary_key=True)
    platform: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
