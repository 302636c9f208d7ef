"""How the Graph API is asked: version in the path, batches, the quota kept, metrics that die on the way.

Source: platforms/facebook.md §1, §4–§7. Not here: posts and listings (graph.py), the meaning of errors
(graph_errors.py), the reading of quota headers (graph_quota.py).
"""

import json
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, ClassVar, Final, TypeGuard

import requests
from requests.structures import CaseInsensitiveDict

from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.batches import chunks
from analytics_pipeline.platform_fetchers.exceptions import (
    AccountHiddenError,
    AuthenticationError,
    ConfigurationError,
    MetricError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.graph_errors import (
    ENDS_ACCOUNT,
    GRAPH_ERRORS,
    ErrorRow,
    Reply,
    TooMuchDataError,
    UnfinishedError,
    ends_account,
    error_from,
)
from analytics_pipeline.platform_fetchers.graph_quota import HOLD, STOP_AT, loads, minutes_to_wait, pause
from analytics_pipeline.platform_fetchers.graph_values import raw_rows
from analytics_pipeline.platform_fetchers.http import parse_json
from analytics_pipeline.platform_fetchers.meta_oauth import appsecret_proof, is_instagram_login
from analytics_pipeline.platform_fetchers.quota import ALL_ENDPOINTS, Scope
from analytics_pipeline.settings import get_settings

BATCH_LIMIT: Final = 50
"""Sub-requests that one batch takes."""

_APP_THROTTLED: Final = 4

_log = logging.getLogger(__name__)


class GraphRequests(BasePlatformFetcher):
    """Asks the Graph API for one account, a page or an Instagram user, named by its numeric `account_id`.

    `dead_metrics` are metrics known to be retired; the attribute of that name grows as more are met, and the caller
    may keep it between runs. `api_version` defaults to the setting META_API_VERSION. `batches` tells whether the host
    takes batches; if not, every part of one is a call of its own. Raises ConfigurationError for an account id or
    version that is none.
    """

    batch_size: ClassVar[int] = BATCH_LIMIT
    errors: ClassVar[Sequence[ErrorRow]] = GRAPH_ERRORS
    quota_kind: ClassVar[str]
    """`type` of the platform's entries in x-business-use-case-usage."""

    def __init__(
        self,
        access_token: str,
        account_id: str | None,
        *,
        base_url: str,
        api_version: str | None = None,
        dead_metrics: Iterable[str] = (),
        batches: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(access_token, base_url=base_url, **options)
        self.api_version = api_version or get_settings().meta_api_version
        if not re.fullmatch(r"v\d+\.\d+", self.api_version):
            raise ConfigurationError(f"{self.platform}: META_API_VERSION {self.api_version!r} is not like v25.0")
        self.account_id = None if account_id is None else self._checked(account_id, r"\d+")
        self.dead_metrics = set(dead_metrics)
        self.batches = batches
        self._answered = False
        self._percent: dict[Scope, float] = {}

    @property
    def usage_percent(self) -> float:
        """Share of the quota that is used up, as the last reply told; 0 while unknown."""
        return max(self._percent.values(), default=0.0)

    # --- many requests

    def _ask(self, urls: Sequence[str]) -> list[Reply]:
        """One reply per URL (relative to the version), in order, in as few calls as the host allows.

        What Meta did not finish, or failed for a passing reason, is asked again.
        """
        if not self.batches or len(urls) == 1:
            return self._ask_each(urls)
        replies = [reply for chunk in chunks(urls, BATCH_LIMIT) for reply in self._batch_in_parts(chunk)]
        return self._tried_again(urls, replies)

    def _tried_again(self, urls: Sequence[str], replies: Sequence[Reply]) -> list[Reply]:
        """The replies to batches of these URLs, after as many attempts at those of a passing kind as at a single call."""
        found = dict(zip(urls, replies, strict=True))
        for attempt in range(1, self.max_retries):
            left = {url: reply for url, reply in found.items() if _may_pass(reply)}
            if not left:
                break
            # What Meta only did not come to may go at once.
            if fault := next((reply for reply in left.values() if not isinstance(reply, UnfinishedError)), None):
                self._sleep(self._pause(fault, attempt) or 0.0)
            try:
                for chunk in chunks(list(left), BATCH_LIMIT):
                    found.update(zip(chunk, self._batch(chunk), strict=True))
            except PlatformAPIError as error:
                _log.warning("%s: another attempt at a part of a batch failed: %s", self.platform, error.message)
                if isinstance(error, AuthenticationError):
                    found |= {url: error for url in left if _may_pass(found[url])}
                break
        return [found[url] for url in urls]

    def _batch_in_parts(self, urls: Sequence[str]) -> list[Reply]:
        """A batch; in halves where the platform finds the reply too big, to the single part that is."""
        try:
            return self._batch(urls)
        except TooMuchDataError as error:
            if len(urls) == 1:
                return [error]
        half = len(urls) // 2
        return [*self._batch_in_parts(urls[:half]), *self._batch_in_parts(urls[half:])]

    def _ask_each(
        self, urls: Sequence[str], vital: type[PlatformAPIError] | tuple[type[PlatformAPIError], ...] = ENDS_ACCOUNT
    ) -> list[Reply]:
        """As `_ask`, one call per URL. After a `vital` error no more are sent, and it stands for the rest."""
        replies: list[Reply] = []
        for url in urls:
            try:
                replies.append(self._get(url))
            except PlatformAPIError as error:
                if isinstance(error, vital):
                    return [*replies, *[error] * (len(urls) - len(replies))]
                replies.append(error)
        return replies

    def _ends_account(self, replies: Sequence[Reply]) -> PlatformAPIError | None:
        """As `ends_account`; once the account has answered at all, a post alone no longer speaks for it.

        Until then it is asked itself when several posts are all said to be gone: Meta says so of what a token may not see.
        """
        if not self._answered and len(replies) > 1 and all(isinstance(reply, PostNotFoundError) for reply in replies):
            return self._hidden_account()
        return ends_account(replies, one_is_enough=not self._answered)

    def _hidden_account(self) -> PlatformAPIError | None:
        if self.account_id is None:
            return None
        [reply] = self._ask_each([f"{self.account_id}?fields=id"])
        return self._hidden(reply) if isinstance(reply, PostNotFoundError) else ends_account([reply])

    def _hidden(self, error: PlatformAPIError) -> AccountHiddenError:
        return AccountHiddenError(
            f"{self.platform}: account {self.account_id} cannot be read with this token: the id is wrong, or the person "
            f"who connected it has lost their role. {error.message}",
            self.platform,
            error.status_code,
        )

    def _batch(self, urls: Sequence[str]) -> list[Reply]:
        form = {
            # Mandatory here although the header carries it too (facebook.md §4).
            "access_token": self._access_token,
            "batch": json.dumps([{"method": "GET", "relative_url": url} for url in urls]),
        }
        body = self._make_request("POST", f"{self.api_version}/", data=form)
        if not isinstance(body, list) or len(body) > len(urls):
            raise TransientError(f"{self.platform}: a batch of {len(urls)} was answered out of shape", self.platform)
        replies = [self._entry(entry) for entry in [*body, *[None] * (len(urls) - len(body))]]
        refused = any(isinstance(reply, AuthenticationError) for reply in replies)
        return self._batch(urls) if refused and self._renew() else replies

    def _entry(self, entry: Any) -> Reply:
        if entry is None:
            return UnfinishedError(f"{self.platform}: Meta did not finish this part of the batch", self.platform)
        try:
            code, body = entry["code"], parse_json(entry["body"])
            headers = CaseInsensitiveDict({str(h["name"]): h["value"] for h in entry.get("headers") or ()})
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            return TransientError(f"{self.platform}: a part of the batch is cut or no JSON", self.platform)
        self._note_usage(headers)
        self._note_version(headers)
        if not isinstance(body, dict) or code != 200 or "error" in body:
            wait = minutes_to_wait(headers, self.quota_kind, self.account_id) * 60
            error = error_from(self.platform, body, code, self.errors, self._redact, wait or None)
            self._count_unknown(error)
            self._hold_after(error, body)
            return error
        self._answered = True
        return body

    # --- one request

    def _get(self, url: str) -> dict[str, Any]:
        body = self._make_request("GET", f"{self.api_version}/{url}")
        if not isinstance(body, dict):
            raise TransientError(f"{self.platform}: {url.split('?')[0]} answered with no object", self.platform)
        self._answered = True
        return body

    @contextmanager
    def _trying_once(self) -> Iterator[None]:
        """Within, a call that fails for a passing reason is not tried again."""
        attempts, self.max_retries = self.max_retries, 1
        try:
            yield
        finally:
            self.max_retries = attempts

    def _make_request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Any:
        """As the base class; slows down from 75 % of the quota on. From 90 % on, the quota is held."""
        if self.usage_percent < STOP_AT and (seconds := pause(self.usage_percent)):
            self._sleep(seconds)
        return super()._make_request(method, path, params=params, data=data)

    def _attempt(
        self, method: str, url: str, params: Mapping[str, str | int] | None, data: Mapping[str, str] | None
    ) -> Any:
        proof = {} if is_instagram_login(self._access_token, self.base_url) else appsecret_proof(self._access_token)
        return super()._attempt(method, url, {**(params or {}), **proof}, data)

    def _note_usage(self, headers: Mapping[str, Any]) -> None:
        for load in loads(headers, self.quota_kind, self.account_id):
            self._percent[load.scope] = load.percent
            if load.hold:
                self.quota.hold(load.scope, ALL_ENDPOINTS, self._clock() + timedelta(seconds=load.hold))

    def _hold_after(self, error: PlatformAPIError, body: Any) -> None:
        """Keeps a throttle that is not waited out here: other runs and processes need not meet it too."""
        if not isinstance(error, RateLimitError):
            return
        wait = error.retry_after
        if wait is None or wait > self._wait_in_place:
            envelope = body.get("error") if isinstance(body, dict) else None
            of_app = isinstance(envelope, dict) and envelope.get("code") == _APP_THROTTLED
            until = self._clock() + timedelta(seconds=HOLD if wait is None else wait)
            self.quota.hold("app" if of_app else "account", ALL_ENDPOINTS, until)

    def _is_answer(self, response: requests.Response, body: Any) -> bool:
        return super()._is_answer(response, body) and not (isinstance(body, dict) and "error" in body)

    def _pause(self, error: PlatformAPIError, attempt: int) -> float | None:
        return None if isinstance(error, TooMuchDataError) else super()._pause(error, attempt)

    def _error_of(self, response: requests.Response, body: Any) -> PlatformAPIError:
        wait = self._handle_rate_limit(response)
        error = error_from(self.platform, body, response.status_code, self.errors, self._redact, wait)
        self._hold_after(error, body)
        return error

    def _handle_rate_limit(self, response: requests.Response) -> float | None:
        minutes = minutes_to_wait(response.headers, self.quota_kind, self.account_id)
        return minutes * 60 if minutes else super()._handle_rate_limit(response)

    def _observe(self, response: requests.Response) -> None:
        self._note_usage(response.headers)
        self._note_version(response.headers)

    def _note_version(self, headers: Mapping[str, Any]) -> None:
        version = headers.get("facebook-api-version")
        if not isinstance(version, str) or version == self.answering_version:
            return
        self.answering_version = version
        if version != self.api_version:
            _log.warning(
                "%s: asked %s, answered by %s: META_API_VERSION has expired", self.platform, self.api_version, version
            )

    # --- metrics that die

    def _insights(self, metrics: Iterable[str], url_of: Callable[[Sequence[str]], str]) -> dict[str, Any]:
        """The insights of `metrics` but the dead ones, of which it finds more; `{}` if none is left.

        Metrics that are too much together are asked for in halves.
        """
        while alive := self._alive(metrics):
            try:
                return self._get(url_of(alive))
            except MetricError:
                if not self._find_dead(alive, lambda metric: url_of([metric])):
                    raise
            except TooMuchDataError:
                if len(alive) == 1:
                    raise
                half = len(alive) // 2
                first, second = (self._insights(part, url_of) for part in (alive[:half], alive[half:]))
                return {"data": [*raw_rows(first), *raw_rows(second)]}
        return {}

    def _alive(self, metrics: Iterable[str], where: str = "") -> list[str]:
        """`metrics` but those that died `where`: another kind of object may still have them (facebook.md §10)."""
        return [metric for metric in metrics if _name_of(metric, where) not in self.dead_metrics]

    def _bury(self, metric: str, where: str = "") -> None:
        name = _name_of(metric, where)
        _log.warning("%s: metric %s is refused; going on without it", self.platform, name)
        self.dead_metrics.add(name)

    def _find_dead(
        self, metrics: Sequence[str], url_of: Callable[[str], str], where: str = "", accepted: Collection[str] = ()
    ) -> set[str]:
        """Those of `metrics` that failed a call whose error did not say: each asked alone, all in one batch.

        `url_of` gives the URL that asks for one metric. What others were told, `accepted`, is refused for this post only
        and lives on. Empty if no metric is to blame.
        """
        if len(metrics) == 1:
            return self._bury_all(set(metrics), where, accepted)
        with self.searching():
            if found := set(metrics).difference(self._alive(metrics, where)):
                return found  # by another account, while this one waited
            replies = self._ask([url_of(metric) for metric in metrics])
            if error := self._ends_account(replies):
                raise error
            dead = {metric for metric, reply in zip(metrics, replies, strict=True) if isinstance(reply, MetricError)}
            if len(dead) == len(metrics):
                # Not all metrics retire in one night: it is this post or page that has none.
                return set()
            return self._bury_all(dead, where, accepted)

    def _bury_all(self, metrics: set[str], where: str, accepted: Collection[str]) -> set[str]:
        for metric in sorted(metrics.difference(accepted)):
            self._bury(metric, where)
        return metrics

    # --- ids

    def _account(self) -> str:
        if self.account_id is None:
            raise ConfigurationError(f"{self.platform}: the id of the page or account was not given", self.platform)
        return self.account_id

    def _checked(self, value: str, form: str) -> str:
        if not isinstance(value, str) or not re.fullmatch(form, value, re.ASCII):
            raise self._bad_name(value)
        return value

    def _bad_name(self, value: object) -> ConfigurationError:
        shown = self._redact(str(value))[:60]
        return ConfigurationError(f"{self.platform}: {shown!r} is no id or name of this platform", self.platform)


def _name_of(metric: str, where: str) -> str:
    return f"{where}/{metric}" if where else metric


def _may_pass(reply: Reply) -> TypeGuard[TransientError]:
    return isinstance(reply, TransientError) and not isinstance(reply, TooMuchDataError)
