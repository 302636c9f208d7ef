"""What every platform's way of refreshing tokens has in common: what an account holds, one call, one answer.

Here: expiry, the call to a token endpoint, the reading of its answer. Not here: a platform's endpoints and refusals
(linkedin_oauth.py, twitter_oauth.py, meta_oauth.py), locking and storing (sync/tokens.py), consent.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Protocol, TypeGuard
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr

from analytics_pipeline.platform_fetchers.error_table import NO_JSON, ErrorCase, error_of
from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    InvalidTokenError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.http import new_session, parse_retry_after, redact
from analytics_pipeline.settings import get_settings

NOT_SET_UP: Final = "the settings of the app do not let the token be refreshed"
"""Stands in every reason that is mended by setting an app's client id or secret, rather than by a new consent."""

_DEAD_GRANT: Final = "invalid_grant"
_LONGEST_LIFE: Final = 10 * 366 * 86_400
_TOKEN: Final = re.compile(r"[!-~]{1,4000}")


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an account holds. `expires_at` (UTC) is the access token's end; None = unknown, or never."""

    external_id: str
    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Issued:
    """What a token endpoint gave. `refresh_token` None = the one before stays.

    `scopes` are those granted, in order, by spaces; None = the answer does not name them.
    """

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_at: datetime | None = None
    scopes: str | None = None


class TokenSource(Protocol):
    """Where a fetcher gets its token from."""

    def current(self) -> str:
        """The token for the next call. Raises PlatformAPIError where it has expired and cannot be refreshed now."""

    def renewed(self, refused: str, *, ask: bool) -> str | None:
        """Another token in place of one that the platform has refused; None where there is no way to get one.

        Without `ask` only one that somebody else has got meanwhile: the platform is not asked for it.
        Raises PlatformAPIError where there is a way, and it failed.
        """


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token that nobody refreshes."""

    token: str = field(repr=False)

    def current(self) -> str:
        return self.token

    def renewed(self, refused: str, *, ask: bool) -> str | None:
        return None


class OAuth(ABC):
    """How the tokens of one platform are refreshed. `clock` (UTC) is for tests."""

    platform: ClassVar[str]
    lead: ClassVar[timedelta] = timedelta(minutes=15)
    """So long before its end a token is refreshed."""
    least_age: ClassVar[timedelta] = timedelta(0)
    """A younger token is not refreshed."""

    def __init__(self, clock: Callable[[], datetime] | None = None) -> None:
        self._clock = clock or (lambda: datetime.now(UTC))

    @abstractmethod
    def means(self, held: Credentials, refused: bool) -> bool:
        """Whether there is anything to refresh with; `refused` = the platform does not take the access token."""

    @abstractmethod
    def missing(self, held: Credentials) -> str:
        """The names of the settings that a refresh needs and that are unset; "" if none."""

    def due(self, held: Credentials) -> bool:
        """Whether the access token ends so soon, or has ended, that it is to be refreshed before the next call."""
        now = self._clock()
        return (
            held.expires_at is not None
            and now >= held.expires_at - self.lead
            and self.means(held, refused=now >= held.expires_at)
        )

    @abstractmethod
    def refresh(self, held: Credentials) -> Issued:
        """Asks the platform once: an answer that got lost must not be asked for again at once.

        Raises InvalidTokenError or PermissionDeniedError (a person must consent again), ConfigurationError (a setting
        is wrong; the message holds NOT_SET_UP), RateLimitError, TransientError (later).
        """

    # --- for platforms

    def _call(
        self,
        method: str,
        url: str,
        secrets: Collection[str | None],
        *,
        params: Mapping[str, str] | None = None,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """The JSON object of one call, sent once. None of `secrets` is in what it raises."""
        where = f"{method} {urlsplit(url).path}"
        try:
            with new_session() as session:
                response = session.request(
                    method,
                    url,
                    params=params,
                    data=data,
                    headers={"Accept": "application/json", **(headers or {})},
                    timeout=get_settings().platform_fetch_timeout,
                    allow_redirects=False,
                )
        except (requests.RequestException, OSError) as error:
            # The original text holds the URL, which may hold tokens and the client secret.
            raise TransientError(f"{self.platform}: {where} failed: {type(error).__name__}", self.platform) from None
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        if not response.ok or (isinstance(body, dict) and "error" in body):
            refusal = self._refusal(response, body, lambda text: redact(text, *secrets))
            if isinstance(refusal, RateLimitError | TransientError) and refusal.retry_after is None:
                refusal.retry_after = parse_retry_after(response.headers.get("Retry-After"), self._clock())
            raise refusal
        if not isinstance(body, dict):
            raise TransientError(f"{self.platform}: {where} answered with no JSON object", self.platform)
        return body

    @abstractmethod
    def _refusal(self, response: requests.Response, body: Any, clean: Callable[[str], str]) -> PlatformAPIError:
        """The exception that a refusal stands for; `clean` takes the secrets out of what the platform says."""


class RefreshTokenOAuth(OAuth):
    """The refresh_token grant of RFC 6749, whose errors are `error` and `error_description`."""

    errors: ClassVar[tuple[ErrorCase, ...]]

    def means(self, held: Credentials, refused: bool) -> bool:
        return bool(held.refresh_token)

    def _refusal(self, response: requests.Response, body: Any, clean: Callable[[str], str]) -> PlatformAPIError:
        said = body if isinstance(body, dict) else {"error": NO_JSON}
        description = str(said.get("error_description") or "")
        code = clean(str(said.get("error") or ""))[:60]
        if "token" in description.lower():
            code = _DEAD_GRANT  # LinkedIn and X say invalid_request to everything
        return error_of(self.errors, self.platform, response.status_code, {code} - {""}, clean(description))


def grant_errors(refused: str, settings: str) -> tuple[ErrorCase, ...]:
    """The refusals of a refresh_token grant. `refused` says what a person must do, `settings` names the app's."""
    wrong_app = f"{NOT_SET_UP}: {settings} must be those of the app that the account was connected with"
    return (
        *(ErrorCase(status, InvalidTokenError, refused, frozenset({_DEAD_GRANT})) for status in (400, 401)),
        ErrorCase(403, TransientError, "a gateway answered in the token endpoint's place", frozenset({NO_JSON})),
        *(ErrorCase(status, ConfigurationError, wrong_app) for status in (400, 401, 403)),
        ErrorCase(429, RateLimitError, "too many tokens were refreshed"),
        *(ErrorCase(status, TransientError, "the token endpoint is out of order") for status in (500, 502, 503, 504)),
    )


def issued_from(body: Mapping[str, Any], at: datetime, platform: str) -> Issued:
    """The answer of a token endpoint that was asked at `at`. Raises TransientError for one without a usable token."""
    access = body.get("access_token")
    if not is_token(access):
        raise TransientError(f"{platform}: the token endpoint answered without a usable access_token", platform)
    refresh = body.get("refresh_token")
    seconds = parse_seconds(body.get("expires_in"))
    return Issued(
        access_token=access,
        refresh_token=refresh if is_token(refresh) else None,
        expires_at=None if seconds is None else at + timedelta(seconds=seconds),
        scopes=_scopes(body.get("scope")),
    )


def _scopes(value: object) -> str | None:
    """X puts spaces between scopes, LinkedIn commas or spaces."""
    return " ".join(sorted(set(re.findall(r"[!-+\--~]{1,100}", value)))) or None if isinstance(value, str) else None


def parse_seconds(value: object) -> float | None:
    """Seconds of an `expires_in`: number or digits, whole or not; None for anything else, and for absurd lives."""
    if isinstance(value, str) and re.fullmatch(r"\s*[0-9]{1,12}(\.[0-9]{1,6})?\s*", value, re.ASCII):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST_LIFE:
        return None
    return float(value)


def read_given(text: str, at: datetime, platform: str) -> Issued:
    """What a person gives as a token: the token alone, or the answer of a token endpoint (JSON) got at `at`.

    Raises BadDataError for JSON that holds no usable access_token.
    """
    if not text.lstrip().startswith("{"):
        return Issued(text.strip())
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        body = None
    try:
        return issued_from(body if isinstance(body, dict) else {}, at, platform)
    except TransientError:
        raise BadDataError(f"{platform}: the JSON holds no usable access_token", platform) from None


def secret_of(setting: SecretStr | None) -> str:
    """The text of a secret setting, "" if it is unset."""
    return setting.get_secret_value() if setting else ""


def is_token(value: object) -> TypeGuard[str]:
    """Whether this can be a token: ASCII letters, digits and signs, no space, no more than any platform gives."""
    return isinstance(value, str) and _TOKEN.fullmatch(value) is not None
