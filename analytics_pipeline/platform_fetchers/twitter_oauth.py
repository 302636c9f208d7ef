"""How X's tokens are refreshed: refresh tokens that are good for one use (platforms/x.md §8).

Each refresh gives a new pair and kills the old one; a refresh token that is used again can kill all tokens of its
family. Not here: what all token endpoints share (oauth.py).
"""

import base64
from collections.abc import Callable
from typing import Any

import requests

from analytics_pipeline.platform_fetchers.exceptions import PlatformAPIError, RateLimitError
from analytics_pipeline.platform_fetchers.http import parse_http_date
from analytics_pipeline.platform_fetchers.oauth import (
    Credentials,
    Issued,
    RefreshTokenOAuth,
    grant_errors,
    issued_from,
    secret_of,
)
from analytics_pipeline.platform_fetchers.twitter_wire import wait_of
from analytics_pipeline.settings import get_settings


class TwitterOAuth(RefreshTokenOAuth):
    """The app of TWITTER_CLIENT_ID: a confidential client with TWITTER_CLIENT_SECRET, else a public one."""

    platform = "twitter"
    errors = grant_errors(
        "X refused the refresh token, which is good for one use: it was used before (also by a refresh whose answer "
        "got lost), was revoked or is too old. The account's owner must log in at X and connect the account again",
        "TWITTER_CLIENT_ID and TWITTER_CLIENT_SECRET",
    )

    def missing(self, held: Credentials) -> str:
        return "" if get_settings().twitter_client_id else "TWITTER_CLIENT_ID"

    def refresh(self, held: Credentials) -> Issued:
        settings, at = get_settings(), self._clock()
        client, secret = settings.twitter_client_id or "", secret_of(settings.twitter_client_secret)
        refresh_token = held.refresh_token or ""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        basic = base64.b64encode(f"{client}:{secret}".encode()).decode()
        body = self._call(
            "POST",
            f"{settings.twitter_base_url}/2/oauth2/token",
            (held.access_token, refresh_token, secret, basic),
            data=form if secret else {**form, "client_id": client},
            headers={"Authorization": f"Basic {basic}"} if secret else None,
        )
        return issued_from(body, at, self.platform)

    def _refusal(self, response: requests.Response, body: Any, clean: Callable[[str], str]) -> PlatformAPIError:
        refusal = super()._refusal(response, body, clean)
        if isinstance(refusal, RateLimitError):
            refusal.retry_after = wait_of(
                response.headers, parse_http_date(response.headers.get("Date")) or self._clock()
            )
        return refusal
