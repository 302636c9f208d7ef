"""Facebook Pages: how posts, reels and the page itself are asked for their figures.

Source: platforms/facebook.md §2, §3. Not here: which figures there are (facebook_metrics.py); batches, paging, retired
metrics, quota, errors (graph*.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import zip_longest
from typing import Any, ClassVar, Final

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    MetricError,
    PermissionDeniedError,
    PlatformAPIError,
)
from analytics_pipeline.platform_fetchers.facebook_metrics import (
    BY_TYPE,
    COMMENTS,
    NODE_FIELDS,
    PAGE_DAYS,
    POST_FIGURES,
    POST_METRICS,
    REEL_FIGURES,
    REEL_METRICS,
    parts,
    permalink,
    post_type,
)
from analytics_pipeline.platform_fetchers.graph import Ask, GraphFetcher
from analytics_pipeline.platform_fetchers.graph_errors import Reply, ends_account
from analytics_pipeline.platform_fetchers.graph_requests import BATCH_LIMIT
from analytics_pipeline.platform_fetchers.graph_values import (
    day_values,
    insight_rows,
    insight_values,
    midnight,
    moment,
    url,
    without_paging,
)
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost, PostAnalytics, PostReading, PostRef
from analytics_pipeline.settings import get_settings

PERIODS: Final = ("day", "week", "days_28", "month", "lifetime", "total_over_range")
_DAYS_PER_CALL: Final = 88  # at most 90 between since and until, and one more day is asked for at the end
_DAYS_KEPT: Final = 730
_REELS: Final = "video_insights"


class FacebookFetcher(GraphFetcher):
    """Figures of one Facebook Page and its posts, with a Page token. `base_url` defaults to FACEBOOK_BASE_URL.

    Impressions are views (`post_media_view`), as Meta counts since 2025-11. Without pages_read_user_content comments
    come from the activity metric instead of the post.
    """

    platform = "facebook"
    quota = "pages"
    post_id_form = r"\d+_\d+"
    largest_page: ClassVar[int] = 50

    def __init__(
        self, access_token: str, page_id: str | None = None, *, base_url: str | None = None, **options: Any
    ) -> None:
        super().__init__(access_token, page_id, base_url=base_url or get_settings().facebook_base_url, **options)
        self._reads_comments = True

    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        """Figures of the page per day, two years back at most; the number of followers now on today's.

        The platform's day ends at midnight Pacific time. Raises PlatformAPIError.
        """
        today = self._clock().date()
        days: dict[date, dict[str, int]] = {}
        since = max(first, today - timedelta(days=_DAYS_KEPT))
        while since <= min(last, today):
            until = min(last, today, since + timedelta(days=_DAYS_PER_CALL - 1))
            for metric, day, value in self._series(since, until):
                if since <= day <= until and metric in PAGE_DAYS:
                    self._file(days, day, PAGE_DAYS[metric], value)
            since = until + timedelta(days=1)
        if first <= today <= last:
            followers = self._get(url(self._account(), fields="followers_count")).get("followers_count")
            if followers is not None:
                self._file(days, today, "followers", followers)
        return [AccountDay(day, figures) for day, figures in sorted(days.items()) if figures]

    def _series(self, since: date, until: date) -> list[tuple[str, date, Any]]:
        edge, window = f"{self._account()}/insights", {"since": midnight(since), "until": midnight(until) + 2 * 86400}
        body = self._insights(PAGE_DAYS, lambda alive: url(edge, metric=",".join(alive), period="day", **window))
        return day_values(body)

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
        return BATCH_LIMIT // 2 if self._reads_comments else BATCH_LIMIT

    def _read_page(self, position: Mapping[str, str]) -> dict[str, Any]:
        edge, one = f"{self._account()}/published_posts", {**position, "limit": "1"}
        while True:
            alive = self._alive(POST_METRICS) if self.expands else []
            urls = [url(edge, fields=_with_insights(NODE_FIELDS, alive), **position)]
            if self.expands and self._reads_comments:
                urls.append(url(edge, fields=f"id,{COMMENTS}", **position))
            page, *aside = self._ask(urls)
            if isinstance(page, MetricError) and alive:
                self.expands = self._find_dead(
                    alive, lambda metric: url(edge, fields=_with_insights("id", [metric]), **one)
                )
                continue
            if isinstance(page, PlatformAPIError):
                raise page
            return self._with_comments(page, aside)

    def _with_comments(self, page: dict[str, Any], aside: Sequence[Reply]) -> dict[str, Any]:
        rows = page.get("data")
        if not aside or not isinstance(rows, list):
            return page
        self._note_denial(aside)
        listed = aside[0].get("data") if isinstance(aside[0], dict) else None
        comments = {row.get("id"): _comments(row) for row in listed or () if isinstance(row, dict)}
        rows = [{**row, **comments.get(row.get("id"), {})} if isinstance(row, dict) else row for row in rows]
        return {**page, "data": rows}

    def _note_denial(self, replies: Sequence[Reply]) -> None:
        if any(isinstance(reply, PermissionDeniedError) for reply in replies):
            self._reads_comments = False

    def _list_row(self, node: Mapping[str, Any]) -> ListedPost | None:
        key, published = node.get("id"), moment(node.get("created_time"))
        if not isinstance(key, str) or published is None:
            return None
        kind = post_type(node)
        reading = self._reading(key, node) if self.expands and kind != "reel" else None
        return ListedPost(key, published, permalink(node), kind, reading)

    def _read_by_id(self, refs: Sequence[PostRef], ask: Ask) -> Iterator[PostReading]:
        reels = [ref.platform_post_id for ref in refs if ref.post_type == "reel"]
        posts = [ref.platform_post_id for ref in refs if ref.post_type != "reel"]
        while posts:
            size = self._posts_per_call()
            for key, reply in self._replies(posts[:size], ask, reel=False):
                if isinstance(reply, PlatformAPIError):
                    yield PostReading(key, None, reply)
                elif post_type(reply) == "reel":
                    reels.append(key)
                else:
                    yield self._reading(key, reply)
            posts = posts[size:]
        while reels:
            for key, reply in self._replies(reels[:BATCH_LIMIT], ask, reel=True):
                if isinstance(reply, PlatformAPIError):
                    yield PostReading(key, None, reply)
                else:
                    yield self._reading(key, {_REELS: reply})
            reels = reels[BATCH_LIMIT:]

    def _replies(self, ids: Sequence[str], ask: Ask, *, reel: bool) -> Iterator[tuple[str, Reply]]:
        """Each id with its node or error. Posts refused for a metric are asked again without it."""
        where = _REELS if reel else ""
        while ids:
            alive = self._alive(REEL_METRICS if reel else POST_METRICS, where)
            urls = [_figures_url(key, alive, reel) for key in ids]
            if self._reads_comments and not reel:
                urls += [url(key, fields=COMMENTS) for key in ids]
            replies = ask(urls)
            nodes, aside = replies[: len(ids)], replies[len(ids) :]
            self._note_denial(aside)
            fatal = ends_account(nodes)
            refused: list[tuple[str, Reply]] = []
            for key, node, comments in zip_longest(ids, nodes, aside):
                if isinstance(node, MetricError) and node.metric is None:
                    refused.append((key, node))
                elif isinstance(node, dict):
                    yield key, {**node, **_comments(comments)}
                elif fatal is None:
                    yield key, node
            if fatal:
                raise fatal
            if refused and not self._find_dead_on(refused[0][0], alive, reel):
                yield from refused
                return
            ids = [key for key, _ in refused]

    def _find_dead_on(self, key: str, metrics: Sequence[str], reel: bool) -> bool:
        where = _REELS if reel else ""
        return self._find_dead(metrics, lambda metric: _figures_url(key, [metric], reel), where)

    # --- figures

    def _figures(self, platform_post_id: str, node: Mapping[str, Any]) -> PostAnalytics:
        reel = _REELS in node
        insights = {
            name: parts(name, value) if name in BY_TYPE else value
            for name, value in insight_values(node[_REELS] if reel else node).items()
        }
        for split in insights.values():
            if isinstance(split, dict):
                split["sum"] = sum(self._count(kind, n) for kind, n in split.items() if n is not None)
        values = self._parse_analytics_response({**node, "insights": insights}, REEL_FIGURES if reel else POST_FIGURES)
        if values["shares_count"] is None and "shares" not in node and "post_activity_by_action_type" in insights:
            # Facebook leaves `shares` out at 0 (facebook.md §3.1), and the activity, which was reported, has none.
            values["shares_count"] = 0
        watched = values.pop("video_watch_ms")
        seconds = None if watched is None else watched / 1000
        return self._analytics(platform_post_id, {**values, "video_watch_time": seconds}, permalink(node))


def _with_insights(fields: str, metrics: Sequence[str]) -> str:
    return f"{fields},insights.metric({','.join(metrics)})" if metrics else fields


def _figures_url(key: str, metrics: Sequence[str], reel: bool) -> str:
    if not reel:
        return url(key, fields=_with_insights(NODE_FIELDS, metrics))
    # A video's post is {page}_{video}, and only the video has these (facebook.md §1).
    return url(f"{key.split('_')[1]}/{_REELS}", metric=",".join(metrics))


def _comments(reply: Any) -> dict[str, Any]:
    return {"comments": reply["comments"]} if isinstance(reply, dict) and "comments" in reply else {}
