"""How LinkedIn is asked: headers, quotas per resource, the meaning of its errors, versions that end.

Source: platforms/linkedin.md §1, §5, §6. Not here: endpoints (linkedin.py, linkedin_details.py), wire forms
(linkedin_wire.py), the rows of the error table (linkedin_errors.py).
"""

import logging
import re
from datetime import UTC, date, timedelta
from typing import Any, ClassVar, Final

import requests

from analytics_pipeline.platform_fetchers import linkedin_wire as wire
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.error_table import NO_JSON, error_of
from analytics_pipeline.platform_fetchers.exceptions import PermissionDeniedError, PlatformAPIError, RateLimitError
from analytics_pipeline.platform_fetchers.linkedin_errors import DAILY_QUOTA, ERRORS, RevokedTokenError
from analytics_pipeline.platform_fetchers.quota import DailyLimits, Scope
from analytics_pipeline.platform_fetchers.versions import WARNED_BEFORE
from analytics_pipeline.settings import get_settings

REVOCATION_PAUSE: Final = 5.0
"""Seconds for which a token minted a moment ago can be called revoked."""

THROTTLE_PAUSE: Final = 120.0
"""Seconds after a 429 that is not about the day's quota: protection of LinkedIn's own machines."""

SAME_THROTTLE: Final = timedelta(minutes=10)
"""A 429 so soon after such a pause means that it was about the day's quota after all."""

_OF_THE_APP: Final = re.compile(r"\bAPPLICATION\b")
"""In a 429: the day of the whole app is used up. `APPLICATION_AND_MEMBER` is that of one member's token."""

_SCOPES: Final = {
    "posts": "r_organization_social",
    "videoAnalytics": "r_organization_social",
    "socialMetadata": "r_organization_social_feed",
}
"""The scope that a resource needs; all others need that of an administrator."""

_logger = logging.getLogger(__name__)


class LinkedInRequests(BasePlatformFetcher):
    """Asks the versioned REST API. `api_version` is YYYYMM (default: LINKEDIN_API_VERSION).

    LinkedIn counts calls per resource and UTC day, for the app and for the member whose token it is, and tells nobody
    how many are left: LINKEDIN_APP_CALLS_PER_DAY and LINKEDIN_MEMBER_CALLS_PER_DAY are kept where they are set.
    """

    platform: ClassVar[str] = wire.PLATFORM
    quota_of_token: ClassVar[bool] = True

    def __init__(self, access_token: str, *, base_url: str | None, api_version: str | None, **options: Any) -> None:
        settings = get_settings()
        super().__init__(access_token, base_url=base_url or settings.linkedin_base_url, **options)
        self.daily_limits = DailyLimits(settings.linkedin_app_calls_per_day, settings.linkedin_member_calls_per_day)
        self.api_version = api_version or settings.linkedin_api_version
        self.answering_version = self.api_version  # LinkedIn answers with the version asked for, or not at all
        sunset = wire.sunset_of(self.api_version)
        if sunset is not None and self._today() >= sunset - WARNED_BEFORE:
            _logger.warning(
                "linkedin: version %s ends about %s: set LINKEDIN_API_VERSION to a newer one", self.api_version, sunset
            )

    def _today(self) -> date:
        return wire.utc_day(self._clock())

    def _endpoint_of(self, url: str) -> str:
        return wire.resource_of(url.removeprefix(self.base_url))

    def _headers(self) -> dict[str, str]:
        return super()._headers() | {"LinkedIn-Version": self.api_version, "X-Restli-Protocol-Version": "2.0.0"}

    def _error_of(self, response: requests.Response, body: Any) -> PlatformAPIError:
        codes, said = {NO_JSON}, ""
        if isinstance(body, dict):
            codes = {self._redact(str(body[key])) for key in ("code", "serviceErrorCode") if body.get(key) is not None}
            said = str(body.get("message", ""))
        error = error_of(ERRORS, self.platform, response.status_code, codes, self._redact(said))
        if isinstance(error, PermissionDeniedError):
            scope_needed = _SCOPES.get(self._endpoint_of(response.url), "rw_organization_admin")
            error.message += f". The call needs the scope {scope_needed}"
            if "BATCH_GET" in said:
                error.message += ", and an app in the development tier has no BATCH_GET"
            error.args = (error.message,)
        if isinstance(error, RateLimitError):
            error.retry_after = self._handle_rate_limit(response)
            if error.retry_after is None and DAILY_QUOTA in codes:
                error.retry_after = self._until_next_day(response)
            if error.retry_after is None:
                error.retry_after = self._unnamed_pause(response)
            elif error.retry_after > self._wait_in_place:
                scope: Scope = "app" if _OF_THE_APP.search(said) else "account"
                until = self._clock() + timedelta(seconds=error.retry_after)
                self.quota.hold(scope, self._endpoint_of(response.url), until)
        return error

    def _unnamed_pause(self, response: requests.Response) -> float:
        """Seconds after a 429 that names no quota: a short pause, and the next time the rest of the day."""
        now, endpoint = self._clock(), self._endpoint_of(response.url)
        before = self.quota.hold("account", endpoint, now + timedelta(seconds=THROTTLE_PAUSE))
        again = before is not None and timedelta(0) <= now - before < SAME_THROTTLE
        # What ended at midnight was the rest of a day, not such a pause.
        if before is None or not again or (before - SAME_THROTTLE).date() != now.astimezone(UTC).date():
            return THROTTLE_PAUSE
        pause = self._until_next_day(response)
        self.quota.hold("account", endpoint, now + timedelta(seconds=pause))
        return pause

    def _pause(self, error: PlatformAPIError, attempt: int) -> float | None:
        if isinstance(error, RevokedTokenError):
            return REVOCATION_PAUSE if attempt == 1 else None
        return super()._pause(error, attempt)
