"""Accounts, their posts, and what the platforms told of both."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Computed, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from analytics_pipeline.database.encryption import EncryptedText
from analytics_pipeline.database.models.base import Base, id_column, now_column, one_of

ACCOUNT_STATUSES = ("connected", "needs_reauth", "disconnected")
POST_STATUSES = ("published", "deleted", "unavailable")


class SocialAccount(Base):
    """A business's page or profile on a platform. Tokens are encrypted at rest.

    `external_id` is the platform's id of the account: organization number, user id, page id, Instagram user id.
    `last_sync` is the last time that it was called for posts or their figures with success, `listed_at` the moment up to
    which its posts are known (as far as listings do not lag behind): they were listed, whole, from then on back.
    """

    __tablename__ = "social_accounts"
    __table_args__ = (UniqueConstraint("platform", "external_id"), one_of("status", ACCOUNT_STATUSES))

    id: Mapped[int] = id_column()
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
    created_at: Mapped[datetime] = now_column()
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    listed_at: Mapped[datetime | None]


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
        one_of("status", POST_STATUSES),
        # Every refresh rewrites the cached figures. Room in each page lets it leave the indexes alone: 4 x faster.
        {"postgresql_with": {"fillfactor": 50}},
    )

    id: Mapped[int] = id_column()
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
    created_at: Mapped[datetime] = now_column()


class PostAnalytics(Base):
    """One observation per post and UTC day of reading: lifetime figures as of `fetched_at`. NULL = not reported."""

    __tablename__ = "post_analytics"
    __table_args__ = (
        Index(
            "uq_post_analytics_post_id_observed_on",
            "post_id",
            text("((fetched_at AT TIME ZONE 'UTC')::date)"),
            unique=True,
            postgresql_include=["fetched_at"],
        ),
        Index(None, "platform", "published_on"),
    )

    id: Mapped[int] = id_column()
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
