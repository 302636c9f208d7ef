"""How Meta's tokens are refreshed (platforms/facebook.md §8, instagram.md §7).

Facebook login: the person's token is exchanged for one of 60 days, with which the Page gives a token that never ends.
Instagram login: the token itself is refreshed, for another 60 days. Neither is possible once it has expired.
Not here: what all token endpoints share (oauth.py), Graph's errors (graph_errors.py).
"""

import hmac
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar, Final
from urllib.parse import urlsplit

import requests

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    MetricError,
    PermissionDeniedError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
)
from analytics_pipeline.platform_fetchers.graph_errors import GRAPH_ERRORS, ErrorRow, error_from
from analytics_pipeline.platform_fetchers.oauth import (
    NOT_SET_UP,
    Credentials,
    Issued,
    OAuth,
    issued_from,
    secret_of,
)
from analytics_pipeline.settings import get_settings

_FLAT_CODE: Final = 190
"""Graph's code for what a token endpoint refuses outside of Graph's envelope: it was given nothing but a token."""

_INSTAGRAM_HOST: Final = "https://graph.instagram.com"
_OF_INSTAGRAM: Final = "IG"
_OF_FACEBOOK: Final = "EAA"
"""How the tokens of the two logins begin (instagram.md §7)."""

_PAGES_PER_CALL: Final = 100
_MOST_CALLS: Final = 20


class TooYoungError(RateLimitError):
    """The token is not yet old enough to be refreshed."""


_ERRORS: Final = (
    ErrorRow(
        ConfigurationError,
        text="validating (client secret|application)",
        hint=f"{NOT_SET_UP}: FACEBOOK_CLIENT_ID and FACEBOOK_CLIENT_SECRET must be those of the app that the account "
        "was connected with.",
    ),
    ErrorRow(TooYoungError, text="24 hours"),
    *GRAPH_ERRORS,
)


class FacebookOAuth(OAuth):
    """Page tokens, made anew from the person's token (`refresh_token`; without one, the account's own is taken for it)."""

    platform = "facebook"
    # What has expired cannot be exchanged any more, so there is time for many attempts.
    lead: ClassVar[timedelta] = timedelta(days=7)

    def means(self, held: Credentials, refused: bool) -> bool:
        return bool(held.refresh_token) or not refused

    def missing(self, held: Credentials) -> str:
        settings = get_settings()
        names = {
            "FACEBOOK_CLIENT_ID": settings.facebook_client_id,
            "FACEBOOK_CLIENT_SECRET": settings.facebook_client_secret,
        }
        return " and ".join(name for name, value in names.items() if not value)

    def refresh(self, held: Credentials) -> Issued:
        settings = get_settings()
        base = f"{settings.facebook_base_url}/{settings.meta_api_version}"
        secret, short = secret_of(settings.facebook_client_secret), held.refresh_token or held.access_token
        secrets = (secret, held.access_token, held.refresh_token)
        parameters = {
            "grant_type": "fb_exchange_token",
            "client_id": settings.facebook_client_id or "",
            "client_secret": secret,
            "fb_exchange_token": short,
        }
        body = self._call("GET", f"{base}/oauth/access_token", secrets, params=parameters)
        person = issued_from(body, self._clock(), self.platform).access_token
        for page in self._pages(f"{base}/me/accounts", person, secrets):
            # Who has too small a role on the Page sees it in the list, but without its token.
            if self._is_it(page, held.external_id) and page.get("access_token"):
                return Issued(issued_from(page, self._clock(), self.platform).access_token, person)
        raise PermissionDeniedError(
            f"{self.platform}: the person who connected account {held.external_id} has no role on its Page any more, "
            "or did not allow pages_show_list: somebody who has must connect the account again",
            self.platform,
        )

    def _pages(self, url: str, person: str, secrets: Collection[str | None]) -> Iterator[Mapping[str, Any]]:
        headers = {"Authorization": f"Bearer {person}"}
        parameters = {"fields": "id,access_token,instagram_business_account", "limit": str(_PAGES_PER_CALL)}
        parameters |= appsecret_proof(person)
        for _ in range(_MOST_CALLS):
            body = self._call("GET", url, (person, *secrets), params=parameters, headers=headers)
            data, paging = body.get("data"), body.get("paging")
            yield from (page for page in data if isinstance(page, dict)) if isinstance(data, list) else ()
            after = _cursor(paging)
            if after is None:
                return
            parameters["after"] = after

    def _is_it(self, page: Mapping[str, Any], external_id: str) -> bool:
        return page.get("id") == external_id

    def _refusal(self, response: requests.Response, body: Any, clean: Callable[[str], str]) -> PlatformAPIError:
        if isinstance(body, dict) and "error_message" in body and response.status_code in (400, 401, 403):
            # Some of Meta's token endpoints answer outside of Graph's envelope (instagram.md §7).
            body = {"error": {"message": body["error_message"], "type": body.get("error_type"), "code": _FLAT_CODE}}
        error = error_from(self.platform, body, response.status_code, _ERRORS, clean)
        if isinstance(error, PostNotFoundError | MetricError):
            # No post or metric is asked for here: it is the token that has no such thing as pages.
            return InvalidTokenError(f"{error.message} Connect the account again.", self.platform, error.status_code)
        if isinstance(error, TooYoungError):
            error.retry_after = self.least_age.total_seconds()
        return error


class InstagramOAuth(FacebookOAuth):
    """With a person's token beside it, the account's is that of a Page (Facebook login), as the token's letters say too.

    Else it is of Instagram login.
    """

    platform = "instagram"
    least_age = timedelta(hours=24)

    def missing(self, held: Credentials) -> str:
        return super().missing(held) if _of_page(held) else ""

    def due(self, held: Credentials) -> bool:
        """Also a token of Instagram login whose end nobody told: there is always one, and a refresh tells it."""
        return super().due(held) or (
            held.expires_at is None
            and not _of_page(held)
            and is_instagram_login(held.access_token, get_settings().instagram_base_url or "")
        )

    def refresh(self, held: Credentials) -> Issued:
        if _of_page(held):
            return super().refresh(held)
        at, token = self._clock(), held.access_token
        parameters = {"grant_type": "ig_refresh_token", "access_token": token}
        url = f"{get_settings().instagram_base_url or _INSTAGRAM_HOST}/refresh_access_token"
        return issued_from(self._call("GET", url, (token,), params=parameters), at, self.platform)

    def _is_it(self, page: Mapping[str, Any], external_id: str) -> bool:
        linked = page.get("instagram_business_account")
        return isinstance(linked, dict) and linked.get("id") == external_id


def appsecret_proof(token: str) -> dict[str, str]:
    """The parameter that proves that the app's secret is known, which an app may demand; {} while that is not set."""
    secret = secret_of(get_settings().facebook_client_secret)
    return {"appsecret_proof": hmac.new(secret.encode(), token.encode(), "sha256").hexdigest()} if secret else {}


def _of_page(held: Credentials) -> bool:
    return bool(held.refresh_token) or held.access_token.startswith(_OF_FACEBOOK)


def instagram_hosts() -> list[str]:
    """All hosts that Instagram accounts may be asked at."""
    return list(dict.fromkeys(instagram_host(beginning) for beginning in (_OF_FACEBOOK, _OF_INSTAGRAM)))


def instagram_host(token: str) -> str:
    """Where the Instagram account with this token is asked: INSTAGRAM_BASE_URL if set, else the host of its login."""
    settings = get_settings()
    if settings.instagram_base_url:
        return settings.instagram_base_url
    return _INSTAGRAM_HOST if is_instagram_login(token, "") else settings.facebook_base_url


def is_instagram_login(token: str, base_url: str) -> bool:
    """Whether the token is of Instagram login: by its first letters, or by the host, which takes no others."""
    return token.startswith(_OF_INSTAGRAM) or urlsplit(base_url).hostname == urlsplit(_INSTAGRAM_HOST).hostname


def _cursor(paging: Any) -> str | None:
    """Where the next part of a list begins; None after the last."""
    cursors = paging.get("cursors") if isinstance(paging, dict) and "next" in paging else None
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) else None
