"""The tables: the application's nine, the ledger, errors, raw observations and account figures (design.md §4).

Here: columns, keys, indexes. Not here: how rows are written (`writes.py`), nor `analytics_summaries`, which dbt owns.
All times are `timestamptz` in UTC; counts are bigint; watch time is seconds; rates are percentages.
"""

from analytics_pipeline.database.models.alerting import Alert
from analytics_pipeline.database.models.application import Business, Content, Image, Strategy, User
from analytics_pipeline.database.models.base import Base
from analytics_pipeline.database.models.calls import ApiQuota, ApiUsage, BilledRead, MediaOwner, RetiredMetric
from analytics_pipeline.database.models.figures import (
    ACCOUNT_STATUSES,
    POST_STATUSES,
    AccountAnalytics,
    PostAnalytics,
    PostAnalyticsDay,
    PublishedPost,
    RawObservation,
    SocialAccount,
)
from analytics_pipeline.database.models.ledger import UNIT_STATES, ChangedDay, SyncError, SyncUnit

__all__ = [
    "ACCOUNT_STATUSES",
    "POST_STATUSES",
    "UNIT_STATES",
    "AccountAnalytics",
    "Alert",
    "ApiQuota",
    "ApiUsage",
    "Base",
    "BilledRead",
    "Business",
    "ChangedDay",
    "Content",
    "Image",
    "MediaOwner",
    "PostAnalytics",
    "PostAnalyticsDay",
    "PublishedPost",
    "RawObservation",
    "RetiredMetric",
    "SocialAccount",
    "Strategy",
    "SyncError",
    "SyncUnit",
    "User",
]
