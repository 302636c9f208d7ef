"""How each platform is spoken. A new platform is one module here and one line in `FETCHERS`."""

from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    InvalidTokenError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
)
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.meta import MetaAnalyticsFetcher
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher

FETCHERS: dict[str, type[BasePlatformFetcher]] = {
    "linkedin": LinkedInAnalyticsFetcher,
    "twitter": TwitterAnalyticsFetcher,
    "facebook": FacebookFetcher,
    "instagram": InstagramFetcher,
}

__all__ = [
    "FETCHERS",
    "AuthenticationError",
    "BasePlatformFetcher",
    "InvalidTokenError",
    "LinkedInAnalyticsFetcher",
    "MetaAnalyticsFetcher",
    "PlatformAPIError",
    "PostNotFoundError",
    "RateLimitError",
    "TwitterAnalyticsFetcher",
]
