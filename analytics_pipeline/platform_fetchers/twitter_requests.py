"""How X is asked: quotas by header, what is charged, the meaning of its errors.

Source: platforms/x.md §5, §6. Not here: endpoints (twitter.py, twitter_extras.py), wire forms (twitter_wire.py), the
rows of the error table (twitter_errors.py).
"""

import logging
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Final

import requests

from analytics_pipeline.platform_fetchers import twitter_wire as wire
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.error_table import NO_JSON, error_of
from analytics_pipeline.platform_fetchers.exceptions import PlatformAPIError, RateLimitError
from analytics_pipeline.platform_fetchers.quota import ALL_ENDPOINTS, Scope
from analytics_pipeline.platform_fetchers.twitter_errors import (
    ERRORS,
    USAGE_CAPPED,
    FieldsRefusedError,
    codes_of,
    words_of,
)
from analytics_pipeline.platform_fetchers.usage import Usage
from analytics_pipeline.settings import get_settings

WINDOW: Final = 900.0
"""Seconds in which X counts calls: the longest wait where it does not say when the window ends."""

NO_CREDITS_PAUSE: Final = 3600.0
"""Seconds without any call of the app after a 402: only a person can buy credits, and each try may be its alarm."""

_IDS_IN_PATH: Final = re.compile(r"(?!^)/[0-9]{1,19}(?=/|$)")  # the first number is the version

_logger = logging.getLogger(__name__)


class TwitterRequests(BasePlatformFetcher):
    """Asks API v2 and keeps the bill: `usage` counts posts returned and dollars, by TWITTER_PRICES.

    X charges for each thing that it returns, the same thing once a UTC day, and nothing for a call that fails.
    """

    platform: ClassVar[str] = "twitter"
    nothing_used: ClassVar[Usage] = Usage(cost_usd=Decimal(0))

    def __init__(self, access_token: str, *, base_url: str | None, **options: Any) -> None:
        settings = get_settings()
        super().__init__(access_token, base_url=base_url or settings.twitter_base_url, **options)
        self._prices = settings.twitter_prices
        self._app_owner = settings.twitter_app_owner_id

    # --- retired metrics

    def _make_request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> Any:
        """As of every platform, without the metrics that X has retired: known to be so once it answers without them."""
        params = params or {}
        try:
            return super()._make_request(method, path, params=wire.without(params, self.dead_metrics), data=data)
        except FieldsRefusedError as error:
            if not (refused := wire.asked_by(error.parameters, params) - self.dead_metrics):
                raise
        with self.searching():
            while True:
                left_out = self.dead_metrics | refused
                try:
                    body = super()._make_request(method, path, params=wire.without(params, left_out), data=data)
                except FieldsRefusedError as error:
                    if not (more := wire.asked_by(error.parameters, params) - left_out):
                        raise
                    refused |= more
                    continue
                if new := ", ".join(sorted(refused - self.dead_metrics)):  # else others have found it meanwhile
                    _logger.warning("twitter: X does not know %s any more: left out for a day", new)
                self.dead_metrics |= refused
                return body

    # --- the bill

    def _charge_posts(self, ids: Collection[str], price: Decimal) -> None:
        self.usage += Usage(posts=len(ids))
        self._charge(ids, price)

    def _charge_users(self, ids: Collection[str]) -> None:
        self._charge([f"user:{user}" for user in ids], self._prices.user_read)

    def _charge(self, things: Collection[str], price: Decimal) -> None:
        today = self._clock().astimezone(UTC).date()
        new = {(today, thing) for thing in things} - self.billed
        self.billed |= new
        self.usage += Usage(cost_usd=price * len(new))

    # --- quotas

    @property
    def _app_only(self) -> bool:
        """Whether the token is the app's own, which is nobody's: those begin so (x.md §8)."""
        return self._access_token.startswith("AAAA")

    def _endpoint_of(self, url: str) -> str:
        path = _IDS_IN_PATH.sub("/:id", url.removeprefix(self.base_url).split("?", 1)[0])
        return f"app-only {path}" if self._app_only else path

    def _observe(self, response: requests.Response) -> None:
        version = response.headers.get("api-version")
        if isinstance(version, str):
            self.answering_version = version
        for scope, reset in wire.exhausted(response.headers):
            # The app's own token has a bucket for all accounts together, a user's has one of its own.
            self.quota.hold(
                "app" if self._app_only else scope,
                self._endpoint_of(response.url),
                self._clock() + timedelta(seconds=wire.seconds_until(reset, self._server_time(response))),
            )

    def _handle_rate_limit(self, response: requests.Response) -> float | None:
        return wire.wait_of(response.headers, self._server_time(response))

    # --- errors

    def _is_answer(self, response: requests.Response, body: Any) -> bool:
        """A lookup whose posts are all gone is answered with 200 or 404, and the same body."""
        found_nothing = isinstance(body, dict) and isinstance(body.get("errors"), list)
        # A JSON array or string says nothing of any post. (No JSON at all has an error of its own.)
        readable = body is None or isinstance(body, dict)
        return (response.ok and readable) or (response.status_code == 404 and found_nothing)

    def _error_of(self, response: requests.Response, body: Any) -> PlatformAPIError:
        problem = body if isinstance(body, dict) else {"code": NO_JSON}
        items = problem.get("errors")
        problems = [problem, *(i for i in (items if isinstance(items, list) else ()) if isinstance(i, dict))]
        error = self._table_error(response.status_code, problems)
        if isinstance(error, FieldsRefusedError):
            error.parameters = frozenset(codes_of(problems))
        if isinstance(error, RateLimitError):
            endpoint = self._endpoint_of(response.url)
            if response.status_code == 402:
                error.retry_after = NO_CREDITS_PAUSE
            elif USAGE_CAPPED in codes_of(problems):
                # X does not say when a cap is renewed, by day or by month: the next UTC day is worth a call.
                error.retry_after = self._until_next_day(response)
            else:
                error.retry_after = self._handle_rate_limit(response)
                wait = WINDOW if error.retry_after is None else error.retry_after
                if wait > self._wait_in_place:
                    scope: Scope = "app" if self._app_only else "account"
                    self.quota.hold(scope, endpoint, self._clock() + timedelta(seconds=wait))
                return error
            until = self._clock() + timedelta(seconds=error.retry_after)
            self.quota.hold("app", ALL_ENDPOINTS, until, error.message)
        return error

    def _problem(self, item: Mapping[str, Any]) -> PlatformAPIError:
        """The exception that an error item in an answer stands for."""
        status = item.get("status")
        error = self._table_error(status if isinstance(status, int) else 200, [item])
        self._count_unknown(error)
        return error

    def _table_error(self, status: int, problems: Sequence[Mapping[str, Any]]) -> PlatformAPIError:
        codes = {self._redact(code) for code in codes_of(problems)}
        return error_of(ERRORS, self.platform, status, codes, self._redact(words_of(problems)))
