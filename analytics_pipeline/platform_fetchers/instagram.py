"""Instagram professional accounts: how media and stories are asked for their figures.

Source: platforms/instagram.md §1–§4. Not here: which figures there are (instagram_metrics.py), those that cost requests of
their own (instagram_details.py), pages of media (instagram_pages.py), the account by day (instagram_days.py), errors
(instagram_errors.py); batches, paging, quota (graph*.py).
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Final

from analytics_pipeline.platform_fetchers.exceptions import (
    MetricError,
    PlatformAPIError,
    PostAbsentError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.graph import Ask
from analytics_pipeline.platform_fetchers.graph_errors import ENDS_ACCOUNT, Reply
from analytics_pipeline.platform_fetchers.graph_requests import BATCH_LIMIT
from analytics_pipeline.platform_fetchers.graph_values import insight_values, moment, url
from analytics_pipeline.platform_fetchers.instagram_details import UNANIMOUS
from analytics_pipeline.platform_fetchers.instagram_errors import (
    INSTAGRAM_ERRORS,
    NoBatchesError,
    NoInsightsError,
    TooFewViewersError,
    culprit_of,
)
from analytics_pipeline.platform_fetchers.instagram_metrics import (
    CATALOG,
    FEED,
    MEDIA_FIGURES,
    METRICS,
    NODE_FIELDS,
    OLD_VIDEO,
    STORY_FIGURES,
    UNSURE,
    kind_of,
    kind_of_type,
    permalink,
    post_type,
    with_insights,
    with_product,
)
from analytics_pipeline.platform_fetchers.instagram_pages import InstagramPages
from analytics_pipeline.platform_fetchers.meta_oauth import InstagramOAuth, instagram_host, is_instagram_login
from analytics_pipeline.platform_fetchers.metrics import ListedPost, PostAnalytics, PostReading, PostRef

_LISTED: Final = 10_000
"""The latest media that can be listed at all (instagram.md §2)."""

_STORY_LIVES: Final = timedelta(hours=24)

_SINGLY: Final = 5
"""Media read together where each is a call of its own: few, for what they refuse the next need not be asked."""

_log = logging.getLogger(__name__)


@dataclass
class _Media:
    """One media on its way to a reading. `kind` is None while unknown; `plain` = asked for without insights."""

    key: str
    kind: str | None
    published: datetime | None
    asked: Sequence[str] = ()
    refused: set[str] = field(default_factory=set)
    plain: bool = False
    reason: MetricError | None = None


class InstagramFetcher(InstagramPages):
    """Figures of one Instagram professional account and its media.

    `base_url` defaults to INSTAGRAM_BASE_URL, and while that is unset to the host that the token is for:
    graph.facebook.com (Facebook login) or graph.instagram.com (Instagram login). The latter takes no batches: `batches`
    says so of other hosts, and a host that refuses one is not sent a second. Impressions are views.
    """

    platform = "instagram"
    quota_kind = "instagram"
    errors = INSTAGRAM_ERRORS
    post_id_form = r"\d+"
    largest_page: ClassVar[int] = 100
    listing = "media"
    node_fields = NODE_FIELDS
    catalog = CATALOG
    oauth = InstagramOAuth

    def __init__(
        self,
        access_token: str,
        instagram_account_id: str | None = None,
        *,
        base_url: str | None = None,
        batches: bool | None = None,
        **options: Any,
    ) -> None:
        base_url = base_url or instagram_host(access_token)
        if batches is None:
            batches = not is_instagram_login(access_token, base_url)
        super().__init__(access_token, instagram_account_id, base_url=base_url, batches=batches, **options)

    @property
    def app(self) -> str:
        """Facebook login goes by the app that Pages are read with, Instagram login by one of its own."""
        return self.platform if is_instagram_login(self._access_token, self.base_url) else "facebook"

    def list_posts(self, start: datetime, end: datetime) -> Iterator[list[ListedPost]]:
        """As for every Graph account; stories, which live for a day, stand in a list of their own.

        Reels are listed without figures, for their watch time would fail the page. Only where there are no batches, and
        each would be a call, they are listed with all others, and watch time for the newest (INSTAGRAM_DETAIL_CALLS).
        """
        listed = 0
        for page in self._listed_completely(self._walk(start, end)):
            listed += len(page)
            yield page
        if listed >= _LISTED:
            self.unlisted = f"instagram lists the latest {_LISTED:,} media: older ones may never be found"
        alive = self._stories() if end > self._clock() - _STORY_LIVES else []
        if stories := [story for story in alive if start <= story.published_at < end]:
            yield stories

    def _stories(self) -> list[ListedPost]:
        """Those that live. That they are refused is no matter of the media, which were listed."""

        def page(position: Mapping[str, str]) -> dict[str, Any]:
            return self._get(url(f"{self._account()}/stories", fields=NODE_FIELDS, **position))

        read = partial(self._asked_twice, page)
        try:
            pages = self._followed(read, {"limit": "100"})
            found = [self._listed(with_product(row, "STORY")) for rows in pages for row in rows]
        except PlatformAPIError as error:
            if isinstance(error, (*ENDS_ACCOUNT, TransientError)):
                raise
            self.unlisted = f"the stories are not listed: {error.message}"
            return []
        return [story for story in found if story]

    # --- media

    def _carried(self, ref: PostRef) -> bool:
        return ref.post_type != "story" and (ref.post_type != "reel" or not self.batches)

    def _posts_per_call(self) -> int:
        return BATCH_LIMIT if self.batches else 1

    def _list_row(self, node: Mapping[str, Any]) -> ListedPost | None:
        key, published = node.get("id"), moment(node.get("timestamp"))
        if not isinstance(key, str) or published is None:
            return None
        apart = ("REELS", "STORY") if self.batches else ("STORY",)
        told = self.expands and key not in self.unread and kind_of(node) not in apart
        reading = self._reading(key, node) if told else None
        return ListedPost(key, published, permalink(node), post_type(node), reading)

    def _batch(self, urls: Sequence[str]) -> list[Reply]:
        try:
            return super()._batch(urls)
        except NoBatchesError:
            self.batches = False
            return self._ask_each(urls)

    def _read_by_id(self, refs: Sequence[PostRef], ask: Ask) -> Iterator[PostReading]:
        for ref in filter(self._has_expired, refs):
            told = PostAbsentError("instagram: stories can be read for 24 hours", self.platform)
            yield self._failed(ref.platform_post_id, told)
        alive = [ref for ref in refs if not self._has_expired(ref)]
        media = [_Media(r.platform_post_id, kind_of_type(r.post_type), r.published_at) for r in alive]
        size = BATCH_LIMIT if self.batches else _SINGLY
        for start in range(0, len(media), size):
            pending = media[start : start + size]
            while pending:
                for one in pending:
                    if one.reason is None and self.before_conversion(one.published):
                        one.plain, one.reason = True, self.unconverted
                    one.asked = self._metrics_of(one)
                replies = ask([url(one.key, fields=with_insights(one.asked)) for one in pending])
                replies = [with_product(reply, one.kind) for one, reply in zip(pending, replies, strict=True)]
                fatal = self._ends_account(replies)
                self._bury_unanimous(pending, replies)
                again = []
                for one, reply in zip(pending, replies, strict=True):
                    if fatal and isinstance(reply, PlatformAPIError):
                        continue
                    reading = self._settle(one, reply)
                    if reading:
                        yield reading
                    else:
                        again.append(one)
                if fatal:
                    raise fatal
                pending = again

    def _has_expired(self, ref: PostRef) -> bool:
        return bool(ref.post_type == "story" and ref.published_at and ref.published_at <= self._clock() - _STORY_LIVES)

    def _bury_unanimous(self, asked: Sequence[_Media], replies: Sequence[Reply]) -> None:
        """A metric that all media of a kind refuse, new ones too, is retired: a verdict on all, not on each.

        Media read apart may all be images, so one of any other type that took it, now or before, speaks against it.
        """
        kinds = Counter(one.kind for one in asked if not one.plain)
        blamed: Counter[tuple[str | None, str | None]] = Counter()
        fresh: Counter[tuple[str | None, str | None]] = Counter()
        for one, reply in zip(asked, replies, strict=True):
            if isinstance(reply, dict):
                self._taken |= {(kind_of(reply), metric) for metric in one.asked}
            elif isinstance(reply, MetricError):
                verdict = (one.kind, culprit_of(reply, one.asked))
                blamed[verdict] += 1
                fresh[verdict] += self.is_recent(one.published)
        for kind, culprit in blamed.keys() - self._taken:
            if kind and culprit and blamed[kind, culprit] == kinds[kind] and fresh[kind, culprit] >= UNANIMOUS:
                self._bury(culprit, kind)

    def _metrics_of(self, one: _Media) -> list[str]:
        kind = one.kind or "FEED"
        return [] if one.plain else [m for m in self._alive(METRICS[kind], kind) if m not in one.refused]

    def _settle(self, one: _Media, reply: Reply) -> PostReading | None:
        """The reading that a reply gives; None if the media must be asked again, in another way."""
        if isinstance(reply, MetricError) and not one.plain:
            self._learn(one, reply)
            return None
        if isinstance(reply, PlatformAPIError):
            return self._failed(one.key, reply)
        kind = kind_of(reply)
        if one.reason is None and (one.plain or not set(METRICS[kind]) <= set(METRICS[one.kind or "FEED"])):
            one.kind, one.plain = kind, False
            return None
        known = reply.get("like_count") is not None or reply.get("comments_count") is not None
        if one.reason and not known and not isinstance(one.reason, TooFewViewersError):
            return self._failed(one.key, one.reason)
        if kind == "STORY" and one.reason is None and not insight_values(reply):
            # Soon nobody can read it again: what an earlier reading of the day told must stand (instagram.md §9).
            return self._failed(one.key, PostAbsentError("instagram: no figures of the story were told", self.platform))
        return self._reading(one.key, reply)

    def _learn(self, one: _Media, refusal: MetricError) -> None:
        """Takes out of the next request for this media what made this one fail; verdicts differ per media."""
        culprit = culprit_of(refusal, one.asked)
        if isinstance(refusal, NoInsightsError):
            one.plain, one.reason = True, refusal
            if one.published and not isinstance(refusal, TooFewViewersError):
                self.note_unconverted(one.published, refusal)
        elif one.kind is None:
            one.plain = True
        elif culprit:
            one.refused.add(culprit)
            if culprit in UNSURE:
                self._bury(culprit, one.kind)
            elif one.kind == "VIDEO" and culprit not in OLD_VIDEO:
                one.refused |= set(FEED) - set(OLD_VIDEO)
            if not self._metrics_of(one):  # as of the items of a carousel
                one.plain, one.reason = True, refusal
        elif not self._find_dead(one.asked, lambda metric: url(one.key, fields=with_insights([metric])), one.kind):
            one.plain, one.reason = True, refusal

    # --- figures

    def _figures(self, platform_post_id: str, node: Mapping[str, Any]) -> PostAnalytics:
        kind = kind_of(node)
        values = self._parse_analytics_response(
            {**node, "insights": insight_values(node)}, STORY_FIGURES if kind == "STORY" else MEDIA_FIGURES
        )
        if kind == "REELS" or node.get("media_type") == "VIDEO":
            values["video_views"] = values["impressions"]
        watched = values.pop("video_watch_ms", None)
        seconds = None if watched is None else watched / 1000
        return self._analytics(platform_post_id, {**values, "video_watch_time": seconds}, permalink(node))
