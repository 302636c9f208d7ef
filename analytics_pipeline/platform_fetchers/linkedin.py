"""LinkedIn: an organization's page and its posts, over the versioned REST API (platforms/linkedin.md).

Here: which calls are made and what their figures mean. Not here: wire forms (linkedin_wire), errors (linkedin_errors),
members' own profiles, OAuth.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, ClassVar, Final, Self, Unpack

from analytics_pipeline.platform_fetchers import linkedin_wire as wire
from analytics_pipeline.platform_fetchers.base import FetcherOptions
from analytics_pipeline.platform_fetchers.batches import read_in_halves
from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    BadDataError,
    ConfigurationError,
    PermissionDeniedError,
    PlatformAPIError,
    PostAbsentError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
    VersionError,
)
from analytics_pipeline.platform_fetchers.linkedin_details import LinkedInDetails
from analytics_pipeline.platform_fetchers.linkedin_metrics import (
    CATALOG,
    GAIN_FIELDS,
    PAGE_FIELDS,
    POST_FIELDS,
    VIEW_FIELDS,
)
from analytics_pipeline.platform_fetchers.linkedin_oauth import LinkedInOAuth
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostAnalytics, PostReading, PostRef
from analytics_pipeline.platform_fetchers.usage import Usage
from analytics_pipeline.settings import get_settings

HISTORY_DAYS: Final = 364
"""Share and page statistics and follower gains cover a rolling twelve months: so many days before today are whole."""

FOLLOWER_LAG_DAYS: Final = 2

MOST_REPEATED_PAGES: Final = 20
"""Pages may hold nothing new though others follow, but not for ever."""

PAGE_OVERLAP: Final = 5
"""Posts that two pages of a listing share: a post deleted between them moves all older ones up by a place."""

_logger = logging.getLogger(__name__)


class LinkedInAnalyticsFetcher(LinkedInDetails):
    """Reads the posts and daily figures of one organization page.

    `organization_id` is the page's number or URN; without it the author of the first post that is read is taken.
    `api_version` is YYYYMM (default: LINKEDIN_API_VERSION), `list_size` the posts per statistics call (default:
    LINKEDIN_LIST_SIZE). Raises ConfigurationError for an organization id that is none.
    """

    batch_size: ClassVar[int] = 50
    catalog = CATALOG
    oauth = LinkedInOAuth

    def __init__(
        self,
        access_token: str,
        organization_id: str | None = None,
        *,
        base_url: str | None = None,
        api_version: str | None = None,
        list_size: int | None = None,
        **options: Unpack[FetcherOptions],
    ) -> None:
        super().__init__(access_token, base_url=base_url, api_version=api_version, **options)
        self.organization = None if organization_id is None else wire.organization_urn(organization_id)
        self.list_size = get_settings().linkedin_list_size if list_size is None else list_size
        if self.list_size < 1:
            raise ConfigurationError(f"linkedin: list_size must be at least 1, not {list_size}", self.platform)

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
        if wire.has_video_figures(platform_post_id):
            analytics["video_views"], analytics["video_watch_time"] = self._video_figures(platform_post_id)
        return analytics

    def fetch_many(self, posts: Sequence[PostRef]) -> Iterator[PostReading]:
        """One reading per post from lifetime share statistics: a call per `list_size` posts, both URN kinds in one.

        A post that the reply leaves out is a PostAbsentError: without activity, deleted or older than twelve months.
        Young posts get reactions and video figures as far as their ration goes (LinkedInDetails).
        """
        refs: dict[str, PostRef] = {}
        for post in posts:
            urn = post.platform_post_id
            if wire.is_post_urn(urn):
                refs[urn] = post
            else:
                message = f"linkedin: {urn[:80]!r} is no post id: urn:li:share:… or urn:li:ugcPost:… is expected"
                yield PostReading(urn, None, ConfigurationError(message, self.platform))
        young = self._young(refs.values())
        urns = sorted(refs, key=lambda urn: urn not in young)  # the ration goes to the young
        while urns and self.organization is None:
            try:
                self.organization = self._author_of(urns[0])
                break
            except PostNotFoundError as error:
                yield PostReading(urns.pop(0), None, error)
        with_videos: list[PostReading] = []
        try:
            for batch in wire.statistics_batches(self.base_url, self.organization, urns, self.list_size):
                readings, fault = read_in_halves(batch, self._read_batch)
                for reading in self._with_reactions(readings, young):
                    post = refs[reading.platform_post_id]
                    if post.post_type == "video" and reading.platform_post_id in young:
                        with_videos.append(reading)  # reactions of all come first
                    else:
                        yield reading
                if fault:
                    raise fault
        except PlatformAPIError:
            yield from with_videos
            raise
        yield from self._with_video_figures(with_videos, young)

    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        """The page's posts with `start <= publishedAt < end`, last modified first; no drafts, no dark (ads-only) posts."""
        page = self._page()
        seen: set[str] = set()
        position = repeated = 0
        while True:
            body = self._page_request(wire.finder_path(page, position))
            elements = wire.elements_of(body)
            self.usage += Usage(posts=len(elements))
            # Pages overlap, and offsets drift when a post is published between two of them.
            fresh = [element for element in elements if str(element.get("id")) not in seen]
            seen.update(str(element.get("id")) for element in fresh)
            listed = [post for post in map(wire.listed_post, fresh) if post and start <= post.published_at < end]
            if listed:
                yield listed
            # A post that was scheduled is older than its publication, but it was modified by it.
            modified = [at for element in elements if (at := wire.moment(element, "lastModifiedAt", "publishedAt"))]
            if modified and min(modified) < start:
                return
            repeated = 0 if fresh else repeated + 1
            if repeated == MOST_REPEATED_PAGES:
                raise TransientError(
                    f"linkedin: {repeated} pages without a new post, and still more to come", self.platform
                )
            following = wire.next_start(body)
            if following is None:  # more may follow all the same, until a page is empty
                following = position + len(elements)
                most_likely_the_end = not fresh or len(elements) < wire.PAGE_SIZE  # which the next page is to tell
                overlap = 0 if most_likely_the_end else PAGE_OVERLAP
            else:  # short pages, as LinkedIn may give for whatever `count`, are more calls already
                overlap = min(PAGE_OVERLAP, (following - position) // 10)
            if following <= position:
                return
            position = max(following - overlap, position + 1)

    # --- the page

    def fetch_organization_analytics(self, start_date: date, end_date: date) -> list[AccountDay]:
        """The page's share statistics per UTC day, both days included, for at most the last twelve months.

        A day without a bucket in the reply is left out. Reach must not be summed over days.
        """
        today = self._today()
        first = max(wire.utc_day(start_date), today - timedelta(days=HISTORY_DAYS))
        last = min(wire.utc_day(end_date), today)
        path = wire.share_days_path(self._page(), first, last)
        days = self._daily(path, "totalShareStatistics", PAGE_FIELDS, first, last)
        return [AccountDay(day, figures) for day, figures in sorted(days.items())]

    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        """Share statistics, page views and follower gains per UTC day; the follower count if today is among them.

        Follower gains of the last two days do not exist yet; LinkedIn restates days, so ask for the last week again.
        """
        today = self._today()
        days: dict[date, dict[str, int]] = {}
        failures: list[PlatformAPIError] = []
        self.incomplete = None
        since, until = max(first, today - timedelta(days=HISTORY_DAYS)), min(last, today)
        # The level first: it has no history, the others can be read tomorrow.
        for read in (self._follower_level, self._shares, self._page_views, self._follower_gains):
            try:
                found = read(since, until)
            except (AuthenticationError, VersionError) as error:
                if not days:
                    raise
                self.incomplete = error  # of the others, none would be answered
                break
            except PlatformAPIError as error:
                _logger.warning("%s", error.message)  # each is a resource of its own: it costs no other figure
                failures.append(error)
                continue
            for day, figures in found.items():
                days.setdefault(day, {}).update(figures)
        if failures and not days:
            raise failures[0]
        # What is refused, or withheld, will be the next time too.
        passing = (error for error in failures if isinstance(error, RateLimitError | TransientError))
        self.incomplete = self.incomplete or next(passing, None)
        return [AccountDay(day, days[day]) for day in sorted(days)]

    def _shares(self, since: date, until: date) -> dict[date, dict[str, int]]:
        return {day.day: dict(day.metrics) for day in self.fetch_organization_analytics(since, until)}

    # --- statistics of posts

    def _read_batch(self, urns: Sequence[str]) -> list[PostReading]:
        body = self._make_request("GET", wire.statistics_path(self.organization, urns))
        try:
            elements = wire.elements_of(body)
        except TransientError as error:
            return [PostReading(urn, None, error) for urn in urns]  # it costs no other batch
        self.usage += Usage(posts=len(elements))
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
            if not isinstance(statistics, dict):
                raise BadDataError(f"linkedin: the statistics of {urn} hold no figures", self.platform)
            values = self._parse_analytics_response(statistics, POST_FIELDS)
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
        return body if isinstance(body, dict) else {}

    def _deleted_or(self, absent: PostAbsentError, urn: str) -> PlatformAPIError:
        """The error of a post without statistics: PostNotFoundError if LinkedIn says so when asked."""
        try:
            self._post(urn)
        except PostNotFoundError as error:
            return error
        except PermissionDeniedError as error:
            _logger.info("%s", error.message)
        return absent

    # --- the page's days

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
        if not isinstance(body, dict):
            raise TransientError("linkedin: the answer is no JSON object", self.platform)
        return body

    def _page_views(self, first: date, last: date) -> dict[date, dict[str, int]]:
        """Views of the page itself."""
        path = wire.view_days_path(self._page(), first, last)
        return self._daily(path, "totalPageStatistics", VIEW_FIELDS, first, last)

    def _follower_gains(self, first: date, last: date) -> dict[date, dict[str, int]]:
        """Gains of whole days that began within the last twelve months, and ended two days ago or before."""
        first = max(first, self._today() - timedelta(days=HISTORY_DAYS))
        last = min(last, self._today() - timedelta(days=FOLLOWER_LAG_DAYS + 1))
        path = wire.follower_days_path(self._page(), first, last)
        days = self._daily(path, "followerGains", GAIN_FIELDS, first, last)
        return {day: {"follower_gain": sum(gains.values())} for day, gains in days.items()}

    def _follower_level(self, first: date, last: date) -> dict[date, dict[str, int]]:
        """Followers of now, if today is asked for: there is no history of them."""
        today = self._today()
        if not first <= today <= last:
            return {}
        page = wire.encoded(self._page())
        body = self._page_request(f"/rest/networkSizes/{page}?edgeType=COMPANY_FOLLOWED_BY_MEMBER")
        level = self._parse_analytics_response(body, {"followers": "firstDegreeSize"})["followers"]
        return {} if level is None else {today: {"followers": level}}

    def _daily(
        self, path: str, key: str, fields: Mapping[str, str | Sequence[str]], first: date, last: date
    ) -> dict[date, dict[str, int]]:
        """The known figures of each UTC day; a day whose figures are unusable is left out, with a line in the log."""
        days: dict[date, dict[str, int]] = {}
        if first > last:
            return days
        for element in wire.elements_of(self._page_request(path)):
            day, figures = wire.bucket_day(element), element.get(key)
            if day is None or not first <= day <= last or not isinstance(figures, dict):
                continue
            try:
                parsed = self._parse_analytics_response(figures, fields)
            except BadDataError as error:
                _logger.warning("%s (%s of %s)", error.message, key, day)
                continue
            if known := {name: n for name, n in parsed.items() if n is not None}:
                days[day] = known
        return days
