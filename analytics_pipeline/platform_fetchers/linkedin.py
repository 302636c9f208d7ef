"""LinkedIn: an organization's page and its posts, over the versioned REST API (platforms/linkedin.md).

Here: which calls are made and what their figures mean. Not here: wire forms (linkedin_wire), errors (linkedin_errors),
members' own profiles, OAuth.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final, Self, Unpack

import requests

from analytics_pipeline.platform_fetchers import linkedin_wire as wire
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher, FetcherOptions
from analytics_pipeline.platform_fetchers.batches import read_in_halves
from analytics_pipeline.platform_fetchers.error_table import error_of
from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    PermissionDeniedError,
    PlatformAPIError,
    PostAbsentError,
    PostNotFoundError,
    RateLimitError,
)
from analytics_pipeline.platform_fetchers.linkedin_errors import DAILY_QUOTA, ERRORS, NO_JSON, RevokedTokenError
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostAnalytics, PostReading, PostRef
from analytics_pipeline.settings import get_settings

LIST_SIZE: Final = 50
"""Posts per statistics call: no cap is documented, clients use 20 to 50."""

HISTORY_DAYS: Final = 365
"""Share statistics and follower gains cover a rolling twelve months."""

FOLLOWER_LAG_DAYS: Final = 2
SUNSET_WARNING_DAYS: Final = 60

REVOCATION_PAUSE: Final = 5.0
"""Seconds for which a token minted a moment ago can be called revoked."""

THROTTLE_PAUSE: Final = 120.0
"""Seconds after a 429 that is not about the day's quota: protection of LinkedIn's own machines."""

_POST_FIELDS: Final[Mapping[str, str | Sequence[str]]] = {
    "likes_count": "likeCount",
    "comments_count": "commentCount",
    "shares_count": "shareCount",
    "impressions": "impressionCount",
    "reach": ("uniqueImpressionsCount", "uniqueImpressionsCounts"),
    "clicks": "clickCount",
}
_PAGE_FIELDS: Final = {name.removesuffix("_count"): path for name, path in _POST_FIELDS.items()}
_GAIN_FIELDS: Final = {"organic": "organicFollowerGain", "paid": "paidFollowerGain"}

_logger = logging.getLogger(__name__)


class LinkedInAnalyticsFetcher(BasePlatformFetcher):
    """Reads the posts and daily figures of one organization page.

    `organization_id` is the page's number or URN; without it the author of the first post that is read is taken.
    `api_version` is YYYYMM (default: LINKEDIN_API_VERSION), `list_size` the posts per statistics call.
    Raises ConfigurationError for an organization id that is none.
    """

    platform: ClassVar[str] = wire.PLATFORM
    batch_size: ClassVar[int] = LIST_SIZE

    def __init__(
        self,
        access_token: str,
        organization_id: str | None = None,
        *,
        base_url: str | None = None,
        api_version: str | None = None,
        list_size: int = LIST_SIZE,
        **options: Unpack[FetcherOptions],
    ) -> None:
        settings = get_settings()
        super().__init__(access_token, base_url=base_url or settings.linkedin_base_url, **options)
        if list_size < 1:
            raise ConfigurationError(f"linkedin: list_size must be at least 1, not {list_size}", self.platform)
        self.organization = None if organization_id is None else wire.organization_urn(organization_id)
        self.list_size = list_size
        self.api_version = api_version or settings.linkedin_api_version
        self.answering_version = self.api_version  # LinkedIn answers with the version asked for, or not at all
        sunset = wire.sunset_of(self.api_version)
        if sunset is not None and self._today() >= sunset - timedelta(days=SUNSET_WARNING_DAYS):
            _logger.warning(
                "linkedin: version %s ends about %s: set LINKEDIN_API_VERSION to a newer one", self.api_version, sunset
            )

    @classmethod
    def for_account(cls, access_token: str, external_id: str, **options: Any) -> Self:
        """The fetcher for the page whose organization number (or URN) is `external_id`."""
        return cls(access_token, external_id, **options)

    # --- posts

    def fetch_post_analytics(self, post_id: str, platform_post_id: str) -> PostAnalytics:
        """Figures of one post, with reactions and video figures where LinkedIn gives them (one to three calls more).

        Raises PostNotFoundError for a deleted post, PostAbsentError for one that exists without statistics.
        """
        (reading,) = self.fetch_many([PostRef(platform_post_id)])
        if isinstance(reading.error, PostAbsentError):
            reading = PostReading(platform_post_id, None, self._deleted_or(reading.error, platform_post_id))
        analytics = self._analytics_of(reading, post_id)
        analytics["reactions_count"] = self._reactions(platform_post_id)
        if platform_post_id.startswith("urn:li:ugcPost:"):  # no other entity has video figures
            analytics["video_views"] = self._video_figure(platform_post_id, "VIDEO_VIEW")
            if analytics["video_views"] is not None:
                watched_ms = self._video_figure(platform_post_id, "TIME_WATCHED")
                analytics["video_watch_time"] = None if watched_ms is None else watched_ms / 1000
        return analytics

    def fetch_many(self, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        """One reading per post from lifetime share statistics: a call per `list_size` posts, both URN kinds in one.

        A post that the reply leaves out is a PostAbsentError: without activity, deleted or older than twelve months.
        Reactions and video figures cost calls of their own (fetch_post_analytics) and are None here.
        """
        urns: list[str] = []
        for urn in dict.fromkeys(post.platform_post_id for post in posts):
            if wire.is_post_urn(urn):
                urns.append(urn)
            else:
                message = f"linkedin: {urn[:80]!r} is no post id: urn:li:share:… or urn:li:ugcPost:… is expected"
                yield PostReading(urn, None, ConfigurationError(message, self.platform))
        while urns and self.organization is None:
            try:
                self.organization = self._author_of(urns[0])
                break
            except PostNotFoundError as error:
                yield PostReading(urns.pop(0), None, error)
        for batch in wire.statistics_batches(self.base_url, self.organization, urns, self.list_size):
            yield from read_in_halves(batch, self._read_batch)

    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        """The page's posts with `start <= publishedAt < end`, newest first; no drafts, no dark (ads-only) posts."""
        page = self._page()
        seen: set[str] = set()
        position: int | None = 0
        while position is not None:
            body = self._page_request(wire.finder_path(page, position))
            elements = wire.elements_of(body)
            listed = [post for post in map(wire.listed_post, elements) if post and start <= post.published_at < end]
            # Offsets drift when a post is published between two pages: the same post can come twice.
            fresh = [post for post in listed if post.platform_post_id not in seen]
            seen.update(post.platform_post_id for post in fresh)
            if fresh:
                yield fresh
            created = [at for element in elements if (at := wire.moment(element, "createdAt", "publishedAt"))]
            if created and min(created) < start:
                return
            following = wire.next_start(body)
            if following is None and elements:
                following = position + len(elements)
            position = following if following is not None and following > position else None

    # --- the page

    def fetch_organization_analytics(self, start_date: date, end_date: date) -> list[AccountDay]:
        """The page's share statistics per UTC day, both days included, for at most the last twelve months.

        A day without a bucket in the reply is left out. Reach must not be summed over days.
        """
        today = self._today()
        first = max(wire.utc_day(start_date), today - timedelta(days=HISTORY_DAYS))
        last = min(wire.utc_day(end_date), today)
        days = self._daily("Share", "totalShareStatistics", _PAGE_FIELDS, first, last)
        return [AccountDay(day, figures) for day, figures in sorted(days.items())]

    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        """Share statistics and follower gains per UTC day, and the follower count if today is among them.

        Follower gains of the last two days do not exist yet; LinkedIn restates days, so ask for the last week again.
        """
        today = self._today()
        days = {day.day: dict(day.metrics) for day in self.fetch_organization_analytics(first, last)}
        since = max(first, today - timedelta(days=HISTORY_DAYS))
        until = min(last, today - timedelta(days=FOLLOWER_LAG_DAYS + 1))
        for day, gains in self._daily("Follower", "followerGains", _GAIN_FIELDS, since, until).items():
            days.setdefault(day, {})["follower_gain"] = sum(gains.values())
        if first <= today <= last:
            page = wire.encoded(self._page())
            body = self._page_request(f"/rest/networkSizes/{page}?edgeType=COMPANY_FOLLOWED_BY_MEMBER")
            level = self._parse_analytics_response(body, {"followers": "firstDegreeSize"})["followers"]
            if level is not None:
                days.setdefault(today, {})["followers"] = level
        return [AccountDay(day, days[day]) for day in sorted(days)]

    # --- statistics of posts

    def _read_batch(self, urns: Sequence[str]) -> list[PostReading]:
        try:
            elements = wire.elements_of(self._make_request("GET", wire.statistics_path(self.organization, urns)))
        except BadDataError as error:
            return [PostReading(urn, None, error) for urn in urns]
        found: dict[str, Mapping[str, Any]] = {}
        for element in elements:
            urn = element.get("share") or element.get("ugcPost")
            if urn is None and len(urns) == 1 and not {"organizationalEntity", "timeRange"} & element.keys():
                urn = urns[0]  # with its owner but without a post it would be the page's own total
            if isinstance(urn, str):
                found[urn] = element
        return [self._reading(urn, found.get(urn)) for urn in urns]

    def _reading(self, urn: str, element: Mapping[str, Any] | None) -> PostReading:
        if element is None:
            message = f"linkedin: no statistics of {urn}: no activity yet, deleted, or older than twelve months"
            return PostReading(urn, None, PostAbsentError(message, self.platform))
        try:
            statistics = element.get("totalShareStatistics")
            if not isinstance(statistics, Mapping):
                raise BadDataError(f"linkedin: the statistics of {urn} hold no figures", self.platform)
            values = self._parse_analytics_response(statistics, _POST_FIELDS)
        except BadDataError as error:
            return PostReading(urn, None, error, element)
        return PostReading(urn, self._analytics(urn, values, wire.url_of(urn)), None, element)

    # --- details of one post

    def _author_of(self, urn: str) -> str | None:
        author = self._post(urn).get("author")
        if isinstance(author, str) and author.startswith("urn:li:person:"):
            message = f"linkedin: {urn} is a member's own post; statistics exist for organization pages only"
            raise PermissionDeniedError(message, self.platform)
        return wire.organization_urn(author) if isinstance(author, str) else None

    def _post(self, urn: str) -> Mapping[str, Any]:
        body = self._make_request("GET", f"/rest/posts/{wire.encoded(urn)}")
        return body if isinstance(body, Mapping) else {}

    def _deleted_or(self, absent: PostAbsentError, urn: str) -> PlatformAPIError:
        """The error of a post without statistics: PostNotFoundError if LinkedIn says so when asked."""
        try:
            self._post(urn)
        except PostNotFoundError as error:
            return error
        except PermissionDeniedError as error:
            _logger.info("%s", error.message)
        return absent

    def _reactions(self, urn: str) -> int | None:
        """All reactions of whatever type; None without the scope `r_organization_social_feed`."""
        summaries = self._detail(f"/rest/socialMetadata/{wire.encoded(urn)}").get("reactionSummaries")
        return self._total(summaries.values(), "count") if isinstance(summaries, Mapping) else None

    def _video_figure(self, urn: str, kind: str) -> int | None:
        """A lifetime figure of a page's video; None if the post is no video or the figure is not available."""
        path = f"/rest/videoAnalytics?q=entity&entity={wire.encoded(urn)}&type={kind}&aggregation=ALL"
        elements = self._detail(path).get("elements")
        return self._total(elements, "value") if isinstance(elements, list) and elements else None

    def _detail(self, path: str) -> Mapping[str, Any]:
        """The answer of a call that adds to figures already there: a failure is logged, and the figure is unknown."""
        try:
            body = self._make_request("GET", path)
        except PlatformAPIError as error:
            _logger.info("%s", error.message)
            return {}
        return body if isinstance(body, Mapping) else {}

    def _total(self, rows: Iterable[Any], key: str) -> int | None:
        try:
            return sum(self._count(key, row.get(key) if isinstance(row, Mapping) else row) for row in rows)
        except BadDataError as error:
            _logger.warning("%s", error.message)
            return None

    # --- the page's days

    def _today(self) -> date:
        return wire.utc_day(self._clock())

    def _page(self) -> str:
        if self.organization is None:
            raise ConfigurationError("linkedin: organization_id is needed for this call", self.platform)
        return self.organization

    def _page_request(self, path: str) -> Mapping[str, Any]:
        """The answer of a call about the page itself, whose 404 is no deleted post."""
        try:
            body = self._make_request("GET", path)
        except PostNotFoundError as error:
            message = f"linkedin: there is no such page ({self.organization}): {error.message}"
            raise ConfigurationError(message, self.platform, error.status_code) from None
        if not isinstance(body, Mapping):
            raise BadDataError("linkedin: the answer is no JSON object", self.platform)
        return body

    def _daily(
        self, statistics: str, key: str, fields: Mapping[str, str | Sequence[str]], first: date, last: date
    ) -> dict[date, dict[str, int]]:
        """The known figures of each UTC day; a day whose figures are unusable is left out, with a line in the log."""
        days: dict[date, dict[str, int]] = {}
        if first > last:
            return days
        body = self._page_request(wire.days_path(statistics, self._page(), first, last))
        for element in wire.elements_of(body):
            day, figures = wire.bucket_day(element), element.get(key)
            if day is None or not first <= day <= last or not isinstance(figures, Mapping):
                continue
            try:
                parsed = self._parse_analytics_response(figures, fields)
            except BadDataError as error:
                _logger.warning("%s (%s of %s)", error.message, key, day)
                continue
            if known := {name: n for name, n in parsed.items() if n is not None}:
                days[day] = known
        return days

    # --- the dialect

    def _headers(self) -> dict[str, str]:
        return super()._headers() | {"LinkedIn-Version": self.api_version, "X-Restli-Protocol-Version": "2.0.0"}

    def _error_of(self, response: requests.Response, body: Any) -> PlatformAPIError:
        codes, detail = {NO_JSON}, ""
        if isinstance(body, Mapping):
            codes = {str(body[key]) for key in ("code", "serviceErrorCode") if body.get(key) is not None}
            detail = self._redact(str(body.get("message", "")))
        error = error_of(ERRORS, self.platform, response.status_code, codes, detail)
        if isinstance(error, RateLimitError):
            error.retry_after = self._handle_rate_limit(response)
            if error.retry_after is None:
                error.retry_after = self._until_next_day(response) if DAILY_QUOTA in codes else THROTTLE_PAUSE
        return error

    def _pause(self, error: PlatformAPIError, attempt: int) -> float | None:
        if isinstance(error, RevokedTokenError):
            return REVOCATION_PAUSE if attempt == 1 else None
        return super()._pause(error, attempt)
