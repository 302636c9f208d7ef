"""How LinkedIn's tokens are refreshed: programmatic refresh tokens, for approved partners (platforms/linkedin.md §8).

The refresh token stays the same and lives a year from the first consent, which no refresh extends; in its last 60
days access tokens get ever shorter. Not here: what all token endpoints share (oauth.py).
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import requests

from analytics_pipeline.platform_fetchers.exceptions import PlatformAPIError, RateLimitError
from analytics_pipeline.platform_fetchers.oauth import (
    Credentials,
    Issued,
    RefreshTokenOAuth,
    grant_errors,
    issued_from,
    secret_of,
)
from analytics_pipeline.platform_fetchers.quota import next_utc_day
from analytics_pipeline.settings import get_settings


class LinkedInOAuth(RefreshTokenOAuth):
    """The app of LINKEDIN_CLIENT_ID; its secret goes into the form, not into a header."""

    platform = "linkedin"
    lead = timedelta(days=7)  # so early that there is time to tell a person where it is of no use any more
    errors = grant_errors(
        "LinkedIn refused the refresh token: its year, which no refresh extends, is over, or the consent was revoked. "
        "An administrator of the page must log in at LinkedIn and connect the page again",
        "LINKEDIN_CLIENT_ID and LINKEDIN_CLIENT_SECRET",
    )

    def missing(self, held: Credentials) -> str:
        settings = get_settings()
        names = {
            "LINKEDIN_CLIENT_ID": settings.linkedin_client_id,
            "LINKEDIN_CLIENT_SECRET": settings.linkedin_client_secret,
        }
        return " and ".join(name for name, value in names.items() if not value)

    def refresh(self, held: Credentials) -> Issued:
        settings, at = get_settings(), self._clock()
        secret, refresh_token = secret_of(settings.linkedin_client_secret), held.refresh_token or ""
        form = {
            "grant_type": "refresh_token",
            "refresh_token": refresh_token,
            "client_id": settings.linkedin_client_id or "",
            "client_secret": secret,
        }
        url = f"{settings.linkedin_oauth_url}/oauth/v2/accessToken"
        return issued_from(
            self._call("POST", url, (held.access_token, refresh_token, secret), data=form), at, self.platform
        )

    def _refusal(self, response: requests.Response, body: Any, clean: Callable[[str], str]) -> PlatformAPIError:
        error = super()._refusal(response, body, clean)
        if isinstance(error, RateLimitError) and "Retry-After" not in response.headers:
            now = self._clock()
            error.retry_after = (next_utc_day(now) - now).total_seconds()  # refreshes have a quota per app and UTC day
        return error
