"""Facebook Pages: how posts, reels and the page itself are asked for their figures.

Source: platforms/facebook.md §2, §3. Not here: which figures there are (facebook_metrics.py); batches, paging, retired
metrics, quota, errors (graph*.py).
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from analytics_pipeline.platform_fetchers.batches import chunks
from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    MetricError,
    PermissionDeniedError,
    PlatformAPIError,
    PostNotFoundError,
)
from analytics_pipeline.platform_fetchers.facebook_metrics import (
    BY_TYPE,
    CATALOG,
    NODE_FIELDS,
    PAGE_DAYS,
    POST_FIGURES,
    POST_METRICS,
    REEL_FIGURES,
    REEL_METRICS,
    REEL_POST_METRICS,
    SUMMARIES,
    add_zeros,
    lacks_summary,
    parts,
    permalink,
    post_type,
    summaries_of,
    with_insights,
)
from analytics_pipeline.platform_fetchers.graph import Ask, GraphFetcher
from analytics_pipeline.platform_fetchers.graph_errors import ENDS_ACCOUNT, Reply, TooMuchDataError
from analytics_pipeline.platform_fetchers.graph_requests import BATCH_LIMIT
from analytics_pipeline.platform_fetchers.graph_values import (
    day_values,
    day_window,
    insight_rows,
    insight_values,
    moment,
    raw_rows,
    url,
    without_paging,
)
from analytics_pipeline.platform_fetchers.meta_oauth import FacebookOAuth
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostAnalytics, PostReading, PostRef
from analytics_pipeline.settings import get_settings

PERIODS: Final = ("day", "week", "days_28", "month", "lifetime", "total_over_range")
_REELS: Final = "video_insights"
_INSIGHTS: Final = "insights"
"""What Facebook names in place of a metric where a post has none at all (facebook.md §5)."""
_LISTED_PER_YEAR: Final = 550
"""Facebook lists "about 600" posts of a year (facebook.md §2): from so many on, some may be missing."""
_LASTING: Final = (PermissionDeniedError, PostNotFoundError, MetricError)
"""What a side request is told each time it is asked: the reading does without it."""

_log = logging.getLogger(__name__)


class FacebookFetcher(GraphFetcher):
    """Figures of one Facebook Page and its posts, with a Page token. `base_url` defaults to FACEBOOK_BASE_URL.

    Impressions are views (`post_media_view`), as Meta counts since 2025-11. Without pages_read_user_content comments
    come from the activity metric instead of the post.
    """

    platform = "facebook"
    quota_kind = "pages"
    post_id_form = r"\d+_\d+"
    largest_page: ClassVar[int] = 50
    listing = "published_posts"
    node_fields = NODE_FIELDS
    days_kept = 730
    days_per_call = 88
    """At most 90 days between `since` and `until`; one is asked for on top, one may be an hour longer."""
    catalog = CATALOG
    oauth = FacebookOAuth

    def __init__(
        self, access_token: str, page_id: str | None = None, *, base_url: str | None = None, **options: Any
    ) -> None:
        super().__init__(access_token, page_id, base_url=base_url or get_settings().facebook_base_url, **options)
        self._reads_summaries = True
        # Metrics that a post, or a reel, was told: whoever is refused one of them lacks it, but it lives.
        self._told: dict[str, set[str]] = {"": set(), _REELS: set()}

    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        """As for every Graph account. Facebook lists about 600 posts of a year: `unlisted` tells when it may be so."""
        years: Counter[int] = Counter()
        for page in super().list_posts(start, end):
            years.update(post.published_at.year for post in page)
            yield page
        full = [str(year) for year, posts in sorted(years.items()) if posts >= _LISTED_PER_YEAR]
        if full:
            self.unlisted = (
                f"facebook lists about 600 posts a year, and has listed as many of {', '.join(full)}: "
                "others may never be found; those that are known are read by their ids"
            )

    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        """Figures of the page per day, two years back at most; the number of followers now on today's.

        The platform's day ends at midnight Pacific time, and has the date that it has there. Raises PlatformAPIError.
        """
        today = self._clock().date()
        days: dict[date, dict[str, int]] = {}
        with self._keeping(days):
            if first <= today <= last:
                self._file_followers(days, today)
            for since, until in self._windows(first, last):
                for metric, day, value in self._series(since, until):
                    if since <= day <= until and metric in PAGE_DAYS:
                        self._file(days, day, PAGE_DAYS[metric], value)
        return [AccountDay(day, figures) for day, figures in sorted(days.items()) if figures]

    def _series(self, since: date, until: date) -> list[tuple[str, date, Any]]:
        # Whether the end is included is not documented: ask one day more.
        edge, window = f"{self._account()}/insights", day_window(since, until + timedelta(days=1))
        body = self._insights(PAGE_DAYS, lambda alive: url(edge, metric=",".join(alive), period="day", **window))
        return day_values(body, self._clock())

    def fetch_page_insights(self, metric_names: Sequence[str], period: str = "day") -> dict[str, list[dict[str, Any]]]:
        """Metric → its values as the platform gives them: `{"value": …, "end_time": …}`, newest window only.

        A metric that is retired or withheld is not in the result or has no values. Raises ConfigurationError for
        an unknown period, an empty list or a name that is none, else PlatformAPIError.
        """
        if period not in PERIODS:
            raise ConfigurationError(f"facebook: period {period!r} is none of {', '.join(PERIODS)}", self.platform)
        names = [self._checked(name, r"\w+") for name in metric_names]
        if not names:
            raise ConfigurationError("facebook: no metric was named", self.platform)
        edge = f"{self._account()}/insights"
        body = self._insights(names, lambda alive: url(edge, metric=",".join(alive), period=period))
        return {name: without_paging(points) for name, points in insight_rows(body, period).items()}

    # --- reading posts

    def _carried(self, ref: PostRef) -> bool:
        return ref.post_type != "reel"

    def _posts_per_call(self) -> int:
        return BATCH_LIMIT // 2 if self._reads_summaries else BATCH_LIMIT

    def _read_page(self, position: Mapping[str, str]) -> dict[str, Any]:
        edge = f"{self._account()}/{self.listing}"
        of_one = partial(url, edge, **{**position, "limit": "1"})
        while True:
            alive = self._alive(POST_METRICS) if self.expands else []
            urls = [url(edge, fields=with_insights(NODE_FIELDS, alive), **position)]
            if self.expands and self._reads_summaries:
                urls.append(url(edge, fields=f"id,{SUMMARIES}", **position))
            page, *aside = self._ask(urls)
            if isinstance(page, MetricError) and alive:
                self._find_dead(alive, lambda m: of_one(fields=with_insights("id", [m])), "", self._told[""])
                self.expands = self._alive(POST_METRICS) != alive
                continue
            if isinstance(page, PlatformAPIError):
                raise page
            if aside and (error := _passing(aside[0])):
                raise error
            if page.get("data"):
                self._told[""].update(alive)
            return self._with_summaries(page, aside)

    def _with_summaries(self, page: dict[str, Any], aside: Sequence[Reply]) -> dict[str, Any]:
        rows = page.get("data")
        if not aside or not isinstance(rows, list):
            return page
        self._note_denial(aside)
        listed = aside[0].get("data") if isinstance(aside[0], dict) else None
        listed = listed if isinstance(listed, list) else []
        summaries = {str(row.get("id")): summaries_of(row) for row in listed if isinstance(row, dict)}
        rows = [{**row, **summaries.get(str(row.get("id")), {})} if isinstance(row, dict) else row for row in rows]
        return {**page, "data": rows}

    def _note_denial(self, replies: Sequence[Reply]) -> None:
        denied = [reply for reply in replies if isinstance(reply, PermissionDeniedError)]
        if denied and not any(isinstance(reply, dict) for reply in replies):
            _log.info("facebook: comments of page %s come from the activity: %s", self.account_id, denied[0].message)
            self._reads_summaries = False

    def _list_row(self, node: Mapping[str, Any]) -> ListedPost | None:
        key, published = node.get("id"), moment(node.get("created_time"))
        if not isinstance(key, str) or published is None:
            return None
        kind = post_type(node)
        reading = self._reading(key, node) if self.expands and kind != "reel" else None
        return ListedPost(key, published, permalink(node), kind, reading)

    def _read_by_id(self, refs: Sequence[PostRef], ask: Ask) -> Iterator[PostReading]:
        posts = [ref.platform_post_id for ref in refs if ref.post_type != "reel"]
        reels: dict[str, dict[str, Any]] = {ref.platform_post_id: {} for ref in refs if ref.post_type == "reel"}
        while posts:
            size = self._posts_per_call()
            for key, node, summaries in self._post_replies(posts[:size], ask):
                if isinstance(node, PlatformAPIError):
                    yield self._failed(key, node)
                elif post_type(node) == "reel":
                    reels[key] = {**node, **summaries_of(summaries)}
                else:
                    yield self._reading(key, {**node, **summaries_of(summaries)})
            posts = posts[size:]

        yield from self._reels_by_id(reels, ask)

    def _post_replies(self, ids: Sequence[str], ask: Ask) -> Iterator[tuple[str, Reply, Reply | None]]:
        """(id, reply with the figures, reply with the summaries) of each post, in another way where it must be.

        One whose figures are too much is asked for them in halves, one that has no insights for its fields alone.
        """
        bare: dict[str, tuple[Reply, Reply | None]] = {}
        for key, node, summaries in self._replies(ids, POST_METRICS, "", self._summaries_url, ask):
            # Of a post asked for alone, the refusal stands for its summaries too: they were not asked for.
            if isinstance(node, MetricError) and node.metric == _INSIGHTS and summaries is not node:
                bare[key] = node, summaries
            else:
                yield key, self._in_two(key, ask) if isinstance(node, TooMuchDataError) else node, summaries
        replies = ask([_post_url(key, ()) for key in bare])
        for (key, (refusal, summaries)), reply in zip(bare.items(), replies, strict=True):
            node = _with_aside(reply, summaries, needed=True)
            if isinstance(node, ENDS_ACCOUNT):
                raise node
            # Of one that tells nothing else, what was told before must stand.
            known = not isinstance(node, dict) or "shares" in node or summaries_of(summaries)
            yield key, node if known else refusal, summaries

    def _in_two(self, key: str, ask: Ask) -> Reply:
        """A post whose figures are too many for one reply, out of two replies with half of the metrics each."""
        alive = self._alive(POST_METRICS)
        half = len(alive) // 2
        nodes: list[dict[str, Any]] = []
        for reply in ask([_post_url(key, alive[:half]), _post_url(key, alive[half:])]):
            if isinstance(reply, PlatformAPIError):
                return reply
            nodes.append(reply)
        return {**nodes[0], "insights": {"data": [row for node in nodes for row in raw_rows(node)]}}

    def _reels_by_id(self, reels: Mapping[str, dict[str, Any]], ask: Ask) -> Iterator[PostReading]:
        """Readings of reels by the ids of their posts, each with what is known of the post, `{}` if nothing is."""

        def post_of(key: str) -> str | None:
            return None if reels[key] else _post_url(key, self._alive(REEL_POST_METRICS))

        for chunk in chunks(list(reels), BATCH_LIMIT // 2):
            nodes: dict[str, dict[str, Any]] = {}
            passing: dict[str, PlatformAPIError] = {}
            try:
                for key, video, post in self._replies(chunk, REEL_METRICS, _REELS, post_of, ask):
                    node = post if isinstance(post, dict) else reels[key]
                    if fault := _passing(post):
                        passing[key] = fault
                    if isinstance(video, dict):
                        nodes[key] = {**node, _REELS: video}
                    elif isinstance(video, PostNotFoundError) and node:
                        nodes[key] = node  # the post is there, only its video is not
                    elif isinstance(video, PostNotFoundError):
                        # While nobody knows of its post, it is not gone.
                        yield self._failed(key, passing.get(key, video))
                    else:
                        yield self._failed(key, video)
            except PlatformAPIError:
                yield from _with_faults((self._reading(key, node) for key, node in nodes.items()), passing)
                raise
            yield from _with_faults(self._reel_readings(nodes, ask), passing)

    def _reel_readings(self, nodes: Mapping[str, dict[str, Any]], ask: Ask) -> Iterator[PostReading]:
        """Readings of reels; where their insights do not tell likes or comments, the summaries of their posts are asked."""
        readings = {key: self._reading(key, node) for key, node in nodes.items()}
        wanted = [key for key, reading in readings.items() if self._reads_summaries and lacks_summary(reading)]
        yield from (reading for key, reading in readings.items() if key not in wanted)
        if not wanted:
            return
        try:
            replies = ask([url(key, fields=SUMMARIES) for key in wanted])
        except PlatformAPIError as error:
            replies = [error] * len(wanted)
        self._note_denial(replies)
        for key, reply in zip(wanted, replies, strict=True):
            reading = self._reading(key, {**nodes[key], **summaries_of(reply)})
            reading.error = reading.error or _passing(reply)  # the rest of it is read a little later
            yield reading
        # That summaries are not allowed is no matter of the account: they only complete what insights tell.
        if fatal := self._ends_account([reply for reply in replies if not isinstance(reply, _LASTING)]):
            raise fatal

    def _summaries_url(self, key: str) -> str | None:
        return url(key, fields=SUMMARIES) if self._reads_summaries else None

    def _replies(
        self, ids: Sequence[str], metrics: Sequence[str], where: str, aside_of: Callable[[str], str | None], ask: Ask
    ) -> Iterator[tuple[str, Reply, Reply | None]]:
        """(id, reply with the figures, reply with what stands aside) of each post or, `where` _REELS, each reel.

        What stands aside may be refused for good without harm, and of a reel fail as well. Posts refused for a metric
        are asked again without it; if others were told it before, it is these posts that do not have it.
        """
        url_of = _video_url if where else _post_url
        odd: set[str] = set()
        while ids:
            alive = self._alive(metrics, where)
            asked = [metric for metric in alive if metric not in odd]
            asides = {key: aside for key in ids if (aside := aside_of(key))}
            replies = ask([*(url_of(key, asked) for key in ids), *asides.values()])
            aside_replies = dict(zip(asides, replies[len(ids) :], strict=True))
            if not where:
                self._note_denial(list(aside_replies.values()))
            found = {
                key: _with_aside(reply, aside_replies.get(key), needed=not where)
                for key, reply in zip(ids, replies, strict=False)
            }
            fatal = self._ends_account(list(found.values()))
            if where and not fatal and self._lost_by_one(aside_replies):
                continue
            refused: list[tuple[str, MetricError, Reply | None]] = []
            for key, reply in found.items():
                if isinstance(reply, MetricError) and reply.metric is None:
                    refused.append((key, reply, aside_replies.get(key)))
                elif isinstance(reply, dict) or fatal is None:
                    yield key, reply, aside_replies.get(key)
            if fatal:
                raise fatal
            if any(isinstance(reply, dict) for reply in replies[: len(ids)]):
                self._told[where].update(asked)
            ids = [key for key, *_ in refused]
            if ids:
                lacking = self._find_dead(alive, partial(_one_metric, url_of, ids[0]), where, self._told[where])
                if not lacking or lacking == odd:
                    if not lacking:
                        refused[0][1].metric = _INSIGHTS
                    yield from refused
                    return
                odd = lacking  # the others' too, most likely

    def _lost_by_one(self, asides: Mapping[str, Reply]) -> bool:
        """Whether the posts of reels were refused for a metric that retired; then it is remembered, and they are asked anew."""
        refused = [key for key, reply in asides.items() if isinstance(reply, MetricError) and reply.metric is None]
        alive = self._alive(REEL_POST_METRICS)
        told = any(isinstance(reply, dict) for reply in asides.values())  # it lives, only these do not have it
        if told or not (refused and alive):
            return False
        self._find_dead(alive, partial(_one_metric, _post_url, refused[0]), "", self._told[""])
        return self._alive(REEL_POST_METRICS) != alive

    # --- figures

    def _figures(self, platform_post_id: str, node: Mapping[str, Any]) -> PostAnalytics:
        reel = _REELS in node
        reported = insight_values(node) | (insight_values(node[_REELS]) if reel else {})
        insights = {name: parts(name, value) if name in BY_TYPE else value for name, value in reported.items()}
        for split in insights.values():
            if isinstance(split, dict):
                split["sum"] = sum(self._count(kind, n) for kind, n in split.items() if n is not None)
        values = self._parse_analytics_response({**node, "insights": insights}, REEL_FIGURES if reel else POST_FIGURES)
        add_zeros(values, node, insights)
        watched = values.pop("video_watch_ms")
        seconds = None if watched is None else watched / 1000
        return self._analytics(platform_post_id, {**values, "video_watch_time": seconds}, permalink(node))


def _post_url(key: str, metrics: Sequence[str]) -> str:
    return url(key, fields=with_insights(NODE_FIELDS, metrics))


def _video_url(key: str, metrics: Sequence[str]) -> str:
    # A video's post is {page}_{video}, and only the video has these (facebook.md §1).
    return url(f"{key.split('_')[1]}/{_REELS}", metric=",".join(metrics))


def _one_metric(url_of: Callable[[str, Sequence[str]], str], key: str, metric: str) -> str:
    return url_of(key, [metric])


def _passing(aside: Reply | None) -> PlatformAPIError | None:
    """Why a side request failed, unless it would fail again: a reading without its figures would be kept as whole."""
    return aside if isinstance(aside, PlatformAPIError) and not isinstance(aside, _LASTING) else None


def _with_faults(readings: Iterable[PostReading], passing: Mapping[str, PlatformAPIError]) -> Iterator[PostReading]:
    """The readings, those of posts in `passing` with that error: the rest of them is read a little later."""
    for reading in readings:
        reading.error = reading.error or passing.get(reading.platform_post_id)
        yield reading


def _with_aside(reply: Reply, aside: Reply | None, needed: bool) -> Reply:
    """The reply, or the error of its side request: of one that is `needed`, or that ends the account in any case."""
    if isinstance(aside, ENDS_ACCOUNT):
        return aside
    return (_passing(aside) if needed and isinstance(reply, dict) else None) or reply
