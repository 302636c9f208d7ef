"""The tables: the application's nine, the ledger, errors, raw observations and account figures (design.md §4).

Here: columns, keys, indexes. Not here: how rows are written (`writes.py`), nor `analytics_summaries`, which dbt owns.
All times are `timestamptz` in UTC; counts are bigint; watch time is seconds; rates are percentages.
"""

import uuid
from datetime import date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from analytics_pipeline.database.encryption import EncryptedText

ACCOUNT_STATUSES = ("connected", "needs_reauth", "disconnected")
POST_STATUSES = ("published", "deleted", "unavailable")
UNIT_STATES = ("due", "running", "done", "waiting", "needs_reauth", "parked")


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


class Base(DeclarativeBase):
    """Constraint names are fixed, so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        int: BigInteger,
        str: Text,
        float: Double,
        Decimal: Numeric,
        bool: Boolean,
        date: Date,
        datetime: DateTime(timezone=True),
        uuid.UUID: UUID(as_uuid=True),
        dict[str, Any]: JSONB,
    }


def _id() -> Mapped[int]:
    return mapped_column(BigInteger, Identity(always=False), primary_key=True)


def _now() -> Mapped[datetime]:
    return mapped_column(server_default=func.now())


# --- read by the pipeline, owned by the application


class User(Base):
    """A person who owns businesses."""

    __tablename__ = "users"

    id: Mapped[int] = _id()
    email: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = _now()


class Business(Base):
    """The tenant: owns accounts and posts. `timezone` is an IANA name; one that PostgreSQL does not know is refused."""

    __tablename__ = "businesses"
    # For names it does not know, the expression is no false, but an error that repeats the name.
    __table_args__ = (CheckConstraint("(created_at AT TIME ZONE timezone) IS NOT NULL", name="timezone_known"),)

    id: Mapped[int] = _id()
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    name: Mapped[str]
    timezone: Mapped[str] = mapped_column(server_default="UTC")
    created_at: Mapped[datetime] = _now()


class Strategy(Base):
    """A business's publishing strategy."""

    __tablename__ = "strategies"

    id: Mapped[int] = _id()
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = _now()


class Content(Base):
    """A piece of content that may be published on several platforms."""

    __tablename__ = "content"

    id: Mapped[int] = _id()
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id", ondelete="CASCADE"), index=True)
    strategy_id: Mapped[int | None] = mapped_column(ForeignKey("strategies.id", ondelete="SET NULL"))
    body: Mapped[str | None]
    created_at: Mapped[datetime] = _now()


class Image(Base):
    """An image of a piece of content."""

    __tablename__ = "images"

    id: Mapped[int] = _id()
    content_id: Mapped[int] = mapped_column(ForeignKey("content.id", ondelete="CASCADE"), index=True)
    url: Mapped[str]
    created_at: Mapped[datetime] = _now()


# --- what analytics is about


class SocialAccount(Base):
    """A business's page or profile on a platform. Tokens are encrypted at rest.

    `external_id` is the platform's id of the account: organization number, user id, page id, Instagram user id.
    """

    __tablename__ = "social_accounts"
    __table_args__ = (UniqueConstraint("platform", "external_id"), _one_of("status", ACCOUNT_STATUSES))

    id: Mapped[int] = _id()
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id", ondelete="CASCADE"), index=True)
    platform: Mapped[str]
    external_id: Mapped[str]
    display_name: Mapped[str | None]
    access_token: Mapped[str | None] = mapped_column(EncryptedText)
    refresh_token: Mapped[str | None] = mapped_column(EncryptedText)
    token_expires_at: Mapped[datetime | None]
    page_id: Mapped[str | None]
    instagram_account_id: Mapped[str | None]
    scopes: Mapped[str | None]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    status: Mapped[str] = mapped_column(server_default="connected")
    status_reason: Mapped[str | None]
    last_sync: Mapped[datetime | None]
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class PublishedPost(Base):
    """One item on one platform; identity = (social account, `platform_post_id`). Holds the latest figures as a cache.

    `unavailable_since` is when the platform first said that the post is gone; said again on a later day, it is deleted.
    """

    __tablename__ = "published_posts"
    __table_args__ = (
        UniqueConstraint("social_account_id", "platform_post_id"),
        Index(None, "platform", "published_on"),
        Index(None, "business_id", "published_on"),
        Index(None, "social_account_id", "published_on"),
        _one_of("status", POST_STATUSES),
        # Every refresh rewrites the cached figures. Room in each page lets it leave the indexes alone: 4 x faster.
        {"postgresql_with": {"fillfactor": 50}},
    )

    id: Mapped[int] = _id()
    business_id: Mapped[int] = mapped_column(ForeignKey("businesses.id", ondelete="CASCADE"))
    social_account_id: Mapped[int] = mapped_column(ForeignKey("social_accounts.id", ondelete="CASCADE"))
    content_id: Mapped[int | None] = mapped_column(ForeignKey("content.id", ondelete="SET NULL"))
    platform: Mapped[str]
    platform_post_id: Mapped[str]
    platform_post_url: Mapped[str | None]
    post_type: Mapped[str | None]
    published_at: Mapped[datetime]
    published_on: Mapped[date] = mapped_column(Computed("(published_at AT TIME ZONE 'UTC')::date", persisted=True))
    status: Mapped[str] = mapped_column(server_default="published")
    unavailable_since: Mapped[datetime | None]
    likes_count: Mapped[int | None]
    comments_count: Mapped[int | None]
    shares_count: Mapped[int | None]
    impressions: Mapped[int | None]
    engagement_rate: Mapped[float | None]
    last_synced_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = _now()


class PostAnalytics(Base):
    """One observation per post and UTC day of reading: lifetime figures as of `fetched_at`. NULL = not reported."""

    __tablename__ = "post_analytics"
    __table_args__ = (
        Index(
            "uq_post_analytics_post_id_observed_on",
            "post_id",
            text("((fetched_at AT TIME ZONE 'UTC')::date)"),
            unique=True,
        ),
        Index(None, "platform", "published_on"),
    )

    id: Mapped[int] = _id()
    post_id: Mapped[int] = mapped_column(ForeignKey("published_posts.id", ondelete="CASCADE"))
    platform: Mapped[str]
    platform_post_id: Mapped[str]
    platform_post_url: Mapped[str | None]
    likes_count: Mapped[int | None]
    comments_count: Mapped[int | None]
    shares_count: Mapped[int | None]
    reactions_count: Mapped[int | None]
    retweets_count: Mapped[int | None]
    quote_tweets_count: Mapped[int | None]
    bookmarks_count: Mapped[int | None]
    impressions: Mapped[int | None]
    reach: Mapped[int | None]
    clicks: Mapped[int | None]
    url_clicks: Mapped[int | None]
    profile_clicks: Mapped[int | None]
    video_views: Mapped[int | None]
    video_watch_time: Mapped[float | None]
    engagement_rate: Mapped[float | None]
    click_through_rate: Mapped[float | None]
    published_on: Mapped[date]
    fetched_at: Mapped[datetime]


class RawObservation(Base):
    """What the platform said about a post, word for word.

    One per post and UTC day of reading, `observed_on`, like the observation it belongs to.
    """

    __tablename__ = "raw_observations"
    # Rows come in the order of time, and are purged by it: a block range index is enough, and costs writers nothing.
    __table_args__ = (Index(None, "fetched_at", postgresql_using="brin"),)

    post_id: Mapped[int] = mapped_column(ForeignKey("published_posts.id", ondelete="CASCADE"), primary_key=True)
    observed_on: Mapped[date] = mapped_column(
        Computed("(fetched_at AT TIME ZONE 'UTC')::date", persisted=True), primary_key=True
    )
    platform: Mapped[str]
    api_version: Mapped[str | None]
    payload: Mapped[dict[str, Any]]
    fetched_at: Mapped[datetime]


class PostAnalyticsDay(Base):
    """What a post gained on one UTC day, by the platform's own series, where it keeps one; never a difference of ours."""

    __tablename__ = "post_analytics_days"

    post_id: Mapped[int] = mapped_column(ForeignKey("published_posts.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    platform: Mapped[str]
    likes_count: Mapped[int | None]
    comments_count: Mapped[int | None]
    retweets_count: Mapped[int | None]
    quote_tweets_count: Mapped[int | None]
    bookmarks_count: Mapped[int | None]
    impressions: Mapped[int | None]
    url_clicks: Mapped[int | None]
    profile_clicks: Mapped[int | None]
    fetched_at: Mapped[datetime]


class AccountAnalytics(Base):
    """Figures of a whole account on one day, as the platform reports them; never added to sums of posts.

    `day` is the platform's own: UTC for LinkedIn and X, midnight to midnight Pacific time for Facebook and Instagram.
    """

    __tablename__ = "account_analytics"
    __table_args__ = (Index(None, "platform", "day"),)

    social_account_id: Mapped[int] = mapped_column(
        ForeignKey("social_accounts.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[date] = mapped_column(primary_key=True)
    platform: Mapped[str]
    followers: Mapped[int | None]
    follower_gain: Mapped[int | None]
    impressions: Mapped[int | None]
    reach: Mapped[int | None]
    clicks: Mapped[int | None]
    likes: Mapped[int | None]
    comments: Mapped[int | None]
    shares: Mapped[int | None]
    engagements: Mapped[int | None]
    profile_views: Mapped[int | None]
    video_views: Mapped[int | None]
    fetched_at: Mapped[datetime]


class RetiredMetric(Base):
    """A metric that failed a whole call and was left out since. Believed for a day, then asked for once more.

    `scope` is `app` for one that the platform retired, or the id of the social account whose token may not see it.
    """

    __tablename__ = "retired_metrics"

    platform: Mapped[str] = mapped_column(primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    found_at: Mapped[datetime]
    scope: Mapped[str] = mapped_column(primary_key=True)


class ApiQuota(Base):
    """Calls of one UTC day, and until when the platform allows none: what all processes share.

    `scope` is `app` or the id of a social account, the first of those that share a quota; `endpoint` is empty for what
    holds for all of them.
    """

    __tablename__ = "api_quotas"

    platform: Mapped[str] = mapped_column(primary_key=True)
    scope: Mapped[str] = mapped_column(primary_key=True)
    endpoint: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date]
    calls: Mapped[int] = mapped_column(Integer)
    held_until: Mapped[datetime | None]


class BilledRead(Base):
    """What a platform has charged for on a UTC day: the same thing read again that day is free."""

    __tablename__ = "billed_reads"

    social_account_id: Mapped[int] = mapped_column(
        ForeignKey("social_accounts.id", ondelete="CASCADE"), primary_key=True
    )
    billed_on: Mapped[date] = mapped_column(primary_key=True)
    resource_id: Mapped[str] = mapped_column(primary_key=True)


class MediaOwner(Base):
    """To which of an account's posts a video's figures are given, where the platform adds them up over all that carry it."""

    __tablename__ = "media_owners"

    social_account_id: Mapped[int] = mapped_column(
        ForeignKey("social_accounts.id", ondelete="CASCADE"), primary_key=True
    )
    media_key: Mapped[str] = mapped_column(primary_key=True)
    platform_post_id: Mapped[str]


# --- the ledger


class ApiUsage(Base):
    """What one piece of work on an account has used of its platform: HTTP calls, posts it returned, dollars it charged."""

    __tablename__ = "api_usage"
    __table_args__ = (Index(None, "social_account_id", "used_at"),)

    id: Mapped[int] = _id()
    social_account_id: Mapped[int] = mapped_column(ForeignKey("social_accounts.id", ondelete="CASCADE"))
    platform: Mapped[str]
    run_id: Mapped[str | None]
    api_calls: Mapped[int] = mapped_column(Integer)
    posts_read: Mapped[int] = mapped_column(Integer)
    cost_usd: Mapped[Decimal | None]
    unknown_errors: Mapped[int] = mapped_column(Integer)
    used_at: Mapped[datetime]


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
        _one_of("state", UNIT_STATES),
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
    created_at: Mapped[datetime] = _now()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    posts_read: Mapped[int] = mapped_column(Integer, server_default="0")
    cost_usd: Mapped[Decimal | None]
    asked_at: Mapped[datetime | None]


class SyncError(Base):
    """One failing post of one sync, with its reason. Rows of a unit are replaced by its next attempt."""

    __tablename__ = "sync_errors"
    __table_args__ = (Index(None, "social_account_id", "publish_day"),)

    id: Mapped[int] = _id()
    social_account_id: Mapped[int] = mapped_column(ForeignKey("social_accounts.id", ondelete="CASCADE"))
    publish_day: Mapped[date]
    post_id: Mapped[int | None] = mapped_column(ForeignKey("published_posts.id", ondelete="CASCADE"))
    platform_post_id: Mapped[str | None]
    error_class: Mapped[str]
    message: Mapped[str]
    status_code: Mapped[int | None] = mapped_column(Integer)
    run_id: Mapped[str | None]
    occurred_at: Mapped[datetime] = _now()


# --- alerts


class Alert(Base):
    """A cause that a person was told of, or is to be told of. `resolved_at` is when it was first found gone.

    `last_sent` outlives the solution: a cause that comes and goes is told once a day too.
    """

    __tablename__ = "alerts"

    cause: Mapped[str] = mapped_column(primary_key=True)
    message: Mapped[str]
    first_seen: Mapped[datetime]
    last_seen: Mapped[datetime]
    last_sent: Mapped[datetime | None]
    resolved_at: Mapped[datetime | None]
