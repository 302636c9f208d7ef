"""What every fetcher has in common: one way to send a request, to retry it, and to name what went wrong.

Here: attempts, waits, counting of calls. Not here: figures (figures.py), any endpoint.
"""

import random
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, date, datetime
from time import sleep as sleep_seconds
from typing import Any, ClassVar, Final, Self, TypedDict
from urllib.parse import quote

import requests
from tenacity import RetryCallState, Retrying, stop_after_attempt

from analytics_pipeline.platform_fetchers.catalog import MetricSource
from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    InvalidTokenError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
    UnknownReplyError,
)
from analytics_pipeline.platform_fetchers.figures import FigureReader
from analytics_pipeline.platform_fetchers.http import new_session, parse_http_date, parse_retry_after, redact
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostAnalytics, PostReading, PostRef
from analytics_pipeline.platform_fetchers.oauth import FixedToken, OAuth, TokenSource, is_token
from analytics_pipeline.platform_fetchers.quota import (
    ALL_ENDPOINTS,
    CallQuota,
    DailyLimits,
    MemoryQuota,
    next_utc_day,
)
from analytics_pipeline.platform_fetchers.usage import Usage
from analytics_pipeline.settings import get_settings

_LONGEST_BACKOFF: Final = 60.0
_LEAST_TOKEN: Final = 12  # a shorter one is none of a platform, and could be a word of the reply


class FetcherOptions(TypedDict, total=False):
    """What every fetcher's constructor takes beside its own arguments, by keyword."""

    timeout: float | None
    max_retries: int | None
    backoff_factor: float | None
    clock: Callable[[], datetime] | None
    sleep: Callable[[float], None]


class BasePlatformFetcher(FigureReader):
    """Speaks one platform's dialect for one account. Not for use by several threads at once.

    `timeout` is seconds for a whole call, `max_retries` the attempts at a call that fails for a passing reason,
    `backoff_factor` the growth of the wait between them; each defaults to its setting (PLATFORM_FETCH_TIMEOUT,
    PLATFORM_MAX_RETRIES, PLATFORM_BACKOFF_FACTOR). `clock` (UTC) and `sleep` are for tests.
    """

    batch_size: ClassVar[int]
    """Posts that the platform's biggest batch takes."""
    catalog: ClassVar[Sequence[MetricSource]] = ()
    """Where each figure comes from, every standard metric once."""
    nothing_used: ClassVar[Usage] = Usage()
    """What was used before the first call; a platform that charges has a cost from the start."""
    quota_of_token: ClassVar[bool] = False
    """Whether the platform counts an account's calls by its token, which several accounts may share."""
    oauth: ClassVar[type[OAuth]]
    """How the platform's tokens are refreshed."""

    def __init__(
        self,
        access_token: str,
        *,
        base_url: str,
        timeout: float | None = None,
        max_retries: int | None = None,
        backoff_factor: float | None = None,
        clock: Callable[[], datetime] | None = None,
        sleep: Callable[[float], None] = sleep_seconds,
    ) -> None:
        settings = get_settings()
        self._access_token = access_token
        self.tokens: TokenSource = FixedToken(access_token)
        """Asked for the token before every call. The caller may put one in its place that refreshes it."""
        self._renewed = False
        self.base_url = base_url.rstrip("/")
        self.timeout = timeout if timeout is not None else settings.platform_fetch_timeout
        self.max_retries = max_retries if max_retries is not None else settings.platform_max_retries
        self.backoff_factor = backoff_factor if backoff_factor is not None else settings.platform_backoff_factor
        # A longer wait is the ledger's business: the run ends and the retry sensor comes back.
        self._wait_in_place = settings.platform_wait_in_place
        self._clock = clock or (lambda: datetime.now(UTC))
        self._sleep = sleep
        self._session = new_session(lambda: self.calling)
        self.usage = self.nothing_used
        """What was used so far."""
        self.quota: CallQuota = MemoryQuota()
        """Asked before every call. The caller may put one in its place that all processes share."""
        self.daily_limits = DailyLimits()
        self.dead_metrics: set[str] = set()
        """Metrics known to be retired, which are not asked for. Grows as more are met; the caller may remember them."""
        self.searching: Callable[[], AbstractContextManager[Any]] = nullcontext
        """Held while it is found out which metric is retired. The caller may let one account search at a time, and put
        into `dead_metrics` what others have found meanwhile."""
        self.denied_metrics: set[str] = set()
        """Metrics that are refused to this account alone, as by its token, which are not asked for. Likewise."""
        self.billed: set[tuple[date, str]] = set()
        """(UTC day, id) of what the platform has charged for, on platforms that charge a thing once a day. Likewise."""
        self.media_owners: dict[str, str] = {}
        """Post by media key: whose the figures of a video in several posts are, where they are of all posts together."""
        self.calling: AbstractContextManager[Any] = nullcontext()
        """Held during a call. The caller may put one in its place that lets only so many calls be under way at once."""
        self.unlisted: str | None = None
        """What listings may lack, for people; None while nothing is known to lack."""
        self.listed_since: datetime | None = None
        """A listing that failed has told of all posts since then, on platforms that list by time; None while unknown."""
        self.incomplete: PlatformAPIError | None = None
        """Why some figures of the last account days lack that were asked for; None while all came that there are."""
        self.answering_version: str | None = None
        """API version that the platform says it answered with, where it says so."""

    @classmethod
    @abstractmethod
    def for_account(cls, access_token: str, external_id: str, **options: Any) -> Self:
        """The fetcher for the account that the platform knows as `external_id`; options as for the constructor."""

    @abstractmethod
    def fetch_post_analytics(self, post_id: str, platform_post_id: str) -> PostAnalytics:
        """Figures of one post. `post_id` is our id and only names the post in errors. Raises PlatformAPIError."""

    @abstractmethod
    def fetch_many(self, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        """One reading per post, in the platform's biggest batches, yielded as replies arrive.

        What concerns one post is an `error` in its reading; what ends the whole account (token, quota, permission,
        outage) is raised, after the readings that came before it.
        """

    @abstractmethod
    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        """The account's own posts published in `start <= t < end` (UTC), page by page. Raises PlatformAPIError."""

    @abstractmethod
    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        """Account-level figures of the UTC days `first` to `last`, both included, as far as the platform has them.

        What failed beside figures that came is told by `incomplete`. Raises PlatformAPIError when none came because of it.
        """

    @property
    def app(self) -> str:
        """The name of the developer app whose quota the calls are taken from: on most platforms there is one."""
        return self.platform

    def close(self) -> None:
        """Gives the connections back."""
        self._session.close()

    # --- one request

    def _make_request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Any:
        """The JSON body of one call: sent, read and parsed, with up to `max_retries` attempts.

        `path` may carry a ready-made query string. Passing faults are tried again with full jitter, a throttle of at
        most a minute is waited out here; for a token that is refused, a refresh is asked for once in the fetcher's
        life. Raises the PlatformAPIError that `_error_of` makes of the reply.
        """
        before, self._access_token = self._access_token, self.tokens.current()
        try:
            return self._send(method, path, params, self._carrying(data, before))
        except AuthenticationError:
            if not self._renew():
                raise
        return self._send(method, path, params, self._carrying(data, before))

    def _renew(self) -> bool:
        """Takes another token in place of the refused one; False = there is none."""
        token = self.tokens.renewed(self._access_token, ask=not self._renewed)
        self._renewed = True
        if token is None:
            return False
        self._access_token = token
        return True

    def _carrying(self, data: Mapping[str, str] | None, before: str) -> Mapping[str, str] | None:
        """A form that was made with the token `before`, with the present one."""
        return data and {name: self._access_token if value == before else value for name, value in data.items()}

    def _send(
        self, method: str, path: str, params: Mapping[str, str | int] | None, data: Mapping[str, str] | None
    ) -> Any:
        if not is_token(self._access_token):
            # The HTTP library would put such a token into the text of its own exception.
            raise InvalidTokenError(
                f"{self.platform}: the token is empty, too long, or holds characters no token has", self.platform
            )
        url = path if path.startswith(self.base_url + "/") else f"{self.base_url}/{path.lstrip('/')}"
        retrying = Retrying(
            stop=stop_after_attempt(self.max_retries),
            wait=lambda state: self._pause_of(state) or 0.0,
            retry=lambda state: self._pause_of(state) is not None,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(self._attempt, method, url, params, data)

    def _attempt(
        self, method: str, url: str, params: Mapping[str, str | int] | None, data: Mapping[str, str] | None
    ) -> Any:
        self._take_quota(url)
        self.usage += Usage(calls=1)
        try:
            response = self._session.request(
                method,
                url,
                params=params,
                data=data,
                headers=self._headers(),
                timeout=self.timeout,
                allow_redirects=False,
            )
        except (requests.RequestException, OSError) as error:
            # The original text holds the URL, which may hold a token: name the kind of fault only.
            raise TransientError(
                f"{self.platform}: {method} {_path_of(url)} failed: {type(error).__name__}", self.platform
            ) from None
        self._observe(response)
        self._forget_token(response)
        try:
            body = response.json()
        except (ValueError, RecursionError):
            body = None
        if not self._is_answer(response, body):
            refusal = self._error_of(response, body)
            self._count_unknown(refusal)
            if isinstance(refusal, TransientError):
                refusal.retry_after = self._asked_wait(response)
            raise refusal
        if body is None:
            raise TransientError(
                f"{self.platform}: {method} {_path_of(url)} answered {response.status_code}, but not with JSON",
                self.platform,
                response.status_code,
            )
        return body

    def _forget_token(self, response: requests.Response) -> None:
        """Takes our token out of a reply that says it back, wherever: what is kept of replies must not hold it."""
        token = self._access_token
        for spelt in {token, quote(token, safe=""), token.replace("/", "\\/")} if len(token) >= _LEAST_TOKEN else ():
            if spelt.encode() in response.content:
                response._content = response.content.replace(spelt.encode(), b"[redacted]")

    def _take_quota(self, url: str) -> None:
        now, endpoint = self._clock(), self._endpoint_of(url)
        until = self.quota.take(endpoint, self.daily_limits, now)
        if until is not None:
            why = self.quota.reason(endpoint, now) or f"{self.platform}: the quota for {_path_of(url)} is used up"
            raise RateLimitError(
                f"{why.rstrip('.')}; the next call is due at {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC",
                self.platform,
                None,
                (until - now).total_seconds(),
            )

    def _endpoint_of(self, url: str) -> str:
        """The name under which calls to `url` are counted, where the platform has quotas per endpoint."""
        return ALL_ENDPOINTS

    def _count_unknown(self, error: PlatformAPIError) -> None:
        if isinstance(error, UnknownReplyError):
            self.usage += Usage(unknown_errors=1)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._access_token}", "Accept": "application/json"}

    def _observe(self, response: requests.Response) -> None:  # most platforms have nothing to observe
        """Called with every reply, good or bad: the place to read quota and version headers."""

    def _is_answer(self, response: requests.Response, body: Any) -> bool:
        """Whether the body is to be read as an answer rather than as an error."""
        return response.ok

    @abstractmethod
    def _error_of(self, response: requests.Response, body: Any) -> PlatformAPIError:
        """The exception that a reply with an error status stands for; `body` is its JSON, None if it has none."""

    def _handle_rate_limit(self, response: requests.Response) -> float | None:
        """Seconds to wait after a throttled reply, None where it does not say. Platforms add their own headers."""
        return self._asked_wait(response)

    def _asked_wait(self, response: requests.Response) -> float | None:
        return parse_retry_after(response.headers.get("Retry-After"), self._server_time(response))

    def _server_time(self, response: requests.Response) -> datetime:
        """The platform's own clock where its reply shows it (`Date`): its times are relative to that. Else ours."""
        return parse_http_date(response.headers.get("Date")) or self._clock()

    def _until_next_day(self, response: requests.Response) -> float:
        """Seconds from the reply to the next 00:00 UTC, when daily quotas are renewed."""
        now = self._server_time(response)
        return (next_utc_day(now) - now).total_seconds()

    def _pause_of(self, state: RetryCallState) -> float | None:
        error = state.outcome.exception() if state.outcome else None
        return self._pause(error, state.attempt_number) if isinstance(error, PlatformAPIError) else None

    def _pause(self, error: PlatformAPIError, attempt: int) -> float | None:
        """Seconds to wait after the failed attempt number `attempt` before the next; None = another is no use now."""
        if isinstance(error, RateLimitError):
            in_place = error.retry_after is not None and error.retry_after <= self._wait_in_place
            return error.retry_after if in_place else None
        if isinstance(error, TransientError):
            jitter = random.uniform(0, min(_LONGEST_BACKOFF, self.backoff_factor**attempt))  # noqa: S311
            asked = error.retry_after or 0.0
            return max(jitter, asked) if asked <= self._wait_in_place else None
        return None

    def _redact(self, text: str) -> str:
        return redact(text, self._access_token)


def _path_of(url: str) -> str:
    return redact(url.split("?", 1)[0])
