"""What calls to platforms took and taught: usage, quotas, bills, metrics left out, whose a video is."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import ARRAY, ForeignKey, Index, Integer, Text
from sqlalchemy.orm import Mapped, mapped_column

from analytics_pipeline.database.models.base import Base, id_column


class RetiredMetric(Base):
    """A metric that failed a whole call and was left out since. Believed for a day, then asked for once more.

    `scope` is `app` for one that the platform retired, or the id of the social account that is refused it.
    """

    __tablename__ = "retired_metrics"

    platform: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    found_at: Mapped[datetime]
    scope: Mapped[str] = mapped_column(primary_key=True)


class ApiQuota(Base):
    """Calls of one UTC day, and until when the platform allows none: what all processes share.

    `scope` is `app` or the id of a social account, the first of those that share a quota; `endpoint` is empty for what
    holds for all of them. `held_because` is what the platform said of it, None where it is a quota like any other.
    """

    __tablename__ = "api_quotas"

    platform: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    endpoint: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date]
    calls: Mapped[int] = mapped_column(Integer)
    held_until: Mapped[datetime | None]
    held_because: Mapped[str | None]


class BilledRead(Base):
    """What a platform has charged for on a UTC day: the same thing read again that day is free.

    `resource_ids` may name a thing twice, when two processes read it at once.
    """

    __tablename__ = "billed_reads"

    social_account_id: Mapped[int] = mapped_column(
        ForeignKey("social_accounts.id", ondelete="CASCADE"), primary_key=True
    )
    billed_on: Mapped[date] = mapped_column(primary_key=True)
    resource_ids: Mapped[list[str]] = mapped_column(ARRAY(Text))


class MediaOwner(Base):
    """To which of an account's posts a video's figures are given, where the platform adds them up over all that carry it."""

    __tablename__ = "media_owners"

    social_account_id: Mapped[int] = mapped_column(
        ForeignKey("social_accounts.id", ondelete="CASCADE"), primary_key=True
    )
    media_key: Mapped[str] = mapped_column(primary_key=True)
    platform_post_id: Mapped[str]


class ApiUsage(Base):
    """What one piece of work on an account has used of its platform: HTTP calls, posts it returned, dollars it charged."""

    __tablename__ = "api_usage"
    __table_args__ = (Index(None, "social_account_id", "used_at"),)

    id: Mapped[int] = id_column()
    social_account_id: Mapped[int] = mapped_column(ForeignKey("social_accounts.id", ondelete="CASCADE"))
    platform: Mapped[str]
    run_id: Mapped[str | None]
    api_calls: Mapped[int] = mapped_column(Integer)
    posts_read: Mapped[int] = mapped_column(Integer)
    cost_usd: Mapped[Decimal | None]
    unknown_errors: Mapped[int] = mapped_column(Integer)
    used_at: Mapped[datetime]
