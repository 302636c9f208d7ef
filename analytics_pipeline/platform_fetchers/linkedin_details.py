"""LinkedIn's figures that cost calls beside the statistics: reactions by type, views and watch time of videos.

Source: platforms/linkedin.md §4. Here: asking for them, and their ration. Not here: statistics, listings (linkedin.py).
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from analytics_pipeline.platform_fetchers import linkedin_wire as wire
from analytics_pipeline.platform_fetchers.batches import chunks
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
)
from analytics_pipeline.platform_fetchers.linkedin_metrics import NO_BATCHES, REACTIONS, VIDEO_VIEWS, VIDEOS, WATCH_TIME
from analytics_pipeline.platform_fetchers.linkedin_requests import LinkedInRequests
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.settings import get_settings

BATCH_SIZE: Final = 50
"""Posts per call for reactions: no cap is documented."""

_CALLS_PER_VIDEO: Final = 2
_UNANIMOUS: Final = 3
"""So many videos must be refused a figure, and none of all that were asked for it have it, before it is left out."""

Fault = PlatformAPIError | None
Told = tuple[Mapping[str, Any], Fault]

_logger = logging.getLogger(__name__)


class LinkedInDetails(LinkedInRequests):
    """Adds details to readings that have their statistics; without them, or when they fail, the figures are None.

    A figure that was refused of three videos or more, and answered of none that was asked for it, is remembered in
    `denied_metrics`: these may be odd videos of this page, so other pages' are asked all the same.
    Only posts younger than LINKEDIN_DETAIL_DAYS get them, and a fetcher spends at most LINKEDIN_DETAIL_CALLS on them:
    reactions first, which come fifty posts a call (one to an app in the development tier), then videos, at two calls each.
    """

    def __init__(self, access_token: str, **options: Any) -> None:
        super().__init__(access_token, **options)
        settings = get_settings()
        self._youngest_without = self._clock() - timedelta(days=settings.linkedin_detail_days)
        self._ration = self._calls_left = settings.linkedin_detail_calls
        self._refusals: Counter[str] = Counter()
        self._taken: set[str] = set()
        """Figures that LinkedIn has answered of some video: however many others it refuses, they are asked for."""

    def _young(self, posts: Iterable[PostRef]) -> dict[str, PostRef]:
        """The posts that are young enough for details, by URN."""
        return {
            post.platform_post_id: post
            for post in posts
            if post.published_at is not None and post.published_at > self._youngest_without
        }

    def _with_reactions(self, readings: Sequence[PostReading], young: Mapping[str, PostRef]) -> list[PostReading]:
        """Adds reactions; and tells those posts without statistics that are deleted from those without activity."""
        urns = [
            reading.platform_post_id
            for reading in readings
            if reading.platform_post_id in young
            and (reading.analytics is not None or isinstance(reading.error, PostAbsentError))
        ]
        found: dict[str, Any] = {}
        gone: set[str] = set()
        passing: dict[str, PlatformAPIError] = {}
        for asked, said, fault in self._reaction_replies(urns, young):
            found |= wire.results_of(said)
            gone |= wire.unknown_in(said)
            if fault is not None:
                passing |= dict.fromkeys(asked, fault)
        return [
            _incomplete(
                self._add_reactions(reading, found.get(reading.platform_post_id), reading.platform_post_id in gone),
                passing.get(reading.platform_post_id),
            )
            for reading in readings
        ]

    def _reaction_replies(
        self, urns: Sequence[str], young: Mapping[str, PostRef]
    ) -> Iterator[tuple[Sequence[str], Mapping[str, Any], Fault]]:
        """URNs, what a BATCH_GET says of them, and the passing fault; one by one where the app may send none.

        The 403 to a batch is the same for a missing scope: the first post then tells which it is.
        """
        for batch in chunks(urns, BATCH_SIZE):
            if REACTIONS in self.denied_metrics:
                return
            if NO_BATCHES not in self.denied_metrics:
                path = f"/rest/{REACTIONS}?ids=List({wire.encoded_list(batch)})"
                yield batch, *self._rationed(path, NO_BATCHES)
            if NO_BATCHES in self.denied_metrics:
                for urn in batch[: max(0, self._calls_left - self._kept_for_videos(young))]:
                    said, fault = self._rationed(f"/rest/{REACTIONS}/{wire.encoded(urn)}", REACTIONS)
                    yield [urn], wire.as_batch(urn, said), fault

    def _kept_for_videos(self, young: Mapping[str, PostRef]) -> int:
        """Calls that reactions leave to videos where they cost a call per post as well: half of the ration at most."""
        videos = sum(post.post_type == "video" and wire.has_video_figures(urn) for urn, post in young.items())
        return min(_CALLS_PER_VIDEO * videos, self._ration // 2)

    def _add_reactions(self, reading: PostReading, said: Any, gone: bool) -> PostReading:
        if reading.analytics is None:
            if not gone or not isinstance(reading.error, PostAbsentError):
                return reading
            message = f"linkedin: {reading.platform_post_id} has no statistics, and LinkedIn does not know it any more"
            return replace(reading, error=PostNotFoundError(message, self.platform, 404, reading.platform_post_id))
        if not isinstance(said, dict):
            return reading
        reading.analytics["reactions_count"] = self._reactions_in(said)
        return replace(reading, raw={**reading.raw, REACTIONS: said})

    def _with_video_figures(self, readings: Sequence[PostReading], young: Mapping[str, PostRef]) -> list[PostReading]:
        added = [
            self._add_video_figures(reading)
            if reading.analytics is not None
            and reading.platform_post_id in young
            and young[reading.platform_post_id].post_type == "video"
            and wire.has_video_figures(reading.platform_post_id)
            and self._calls_left >= _CALLS_PER_VIDEO
            else reading
            for reading in readings
        ]
        self._leave_out_what_is_refused()  # not before: the last video may have it
        return added

    def _add_video_figures(self, reading: PostReading) -> PostReading:
        analytics = reading.analytics
        assert analytics is not None
        said, fault = self._said_of_video(reading.platform_post_id, self._rationed)
        analytics["video_views"], analytics["video_watch_time"] = self._video_figures_in(said)
        return _incomplete(replace(reading, raw={**reading.raw, VIDEOS: said}), fault)

    def _said_of_video(self, urn: str, ask: Callable[[str, str], Told]) -> tuple[dict[str, Mapping[str, Any]], Fault]:
        """What `ask` is told of each figure that is not left out, by its type, and the passing fault of the last."""
        said: dict[str, Mapping[str, Any]] = {}
        fault: Fault = None
        for kind in (VIDEO_VIEWS, WATCH_TIME):
            if (name := f"{VIDEOS}.{kind}") in self.denied_metrics:
                continue
            said[kind], fault = ask(wire.video_path(urn, kind), VIDEOS)
            if wire.is_refusal(said[kind]):
                self._refusals[name] += 1
                continue
            if "elements" in said[kind]:
                self._taken.add(name)
            if self._video_figure_in(said[kind]) is None:
                break  # there are no figures of this video, and each call counts
        return said, fault

    def _leave_out_what_is_refused(self) -> None:
        for name, videos in self._refusals.items():
            if videos >= _UNANIMOUS and name not in self._taken | self.denied_metrics:
                message = (
                    "linkedin: %s is refused of %d videos, and answered of none: left out for this page, for a day"
                )
                _logger.warning(message, name, videos)
                self.denied_metrics.add(name)

    def _rationed(self, path: str, name: str) -> Told:
        """As `_told`, out of the ration, and not what this account's token may not see."""
        if self._calls_left < 1 or name in self.denied_metrics:
            return {}, None
        self._calls_left -= 1
        return self._told(path, name)

    def _told(self, path: str, name: str) -> Told:
        """As `_detail`: what was said, and why nothing was, where it may be a little later.

        What this account's token may not see is remembered as `name`. A 404, or a request that is not taken, is told
        as LinkedIn's body for it.
        """
        try:
            return self._detail(path), None
        except (RateLimitError, AuthenticationError):
            self._calls_left = 0
        except PermissionDeniedError:
            self.denied_metrics.add(name)
        except (PostNotFoundError, ConfigurationError) as error:
            return {"status": error.status_code}, None
        except TransientError as error:
            return {}, error
        except PlatformAPIError:
            pass
        return {}, None

    # --- details of one post

    def _reactions(self, urn: str) -> int | None:
        """All reactions of whatever type; None without the scope `r_organization_social_feed`."""
        return self._reactions_in(self._told(f"/rest/{REACTIONS}/{wire.encoded(urn)}", REACTIONS)[0])

    def _video_figures(self, urn: str) -> tuple[int | None, float | None]:
        """Views and watch time (seconds) of a page's video; None if the post is no video or they are not available."""
        return self._video_figures_in(self._said_of_video(urn, self._told)[0])

    def _detail(self, path: str) -> Mapping[str, Any]:
        """The answer of a call that adds to figures already there. A failure is logged, for the figure is unknown."""
        try:
            body = self._make_request("GET", path)
        except PlatformAPIError as error:
            _logger.info("%s", error.message)
            raise
        return body if isinstance(body, dict) else {}

    # --- their figures

    def _reactions_in(self, said: Mapping[str, Any]) -> int | None:
        summaries = said.get("reactionSummaries")
        return self._total(summaries.values(), "count") if isinstance(summaries, dict) else None

    def _video_figures_in(self, said: Mapping[str, Mapping[str, Any]]) -> tuple[int | None, float | None]:
        known = {kind: self._video_figure_in(body) for kind, body in said.items()}
        return known.get(VIDEO_VIEWS), _seconds(known.get(WATCH_TIME))

    def _video_figure_in(self, said: Mapping[str, Any]) -> int | None:
        elements = said.get("elements")
        return self._total(elements, "value") if isinstance(elements, list) and elements else None

    def _total(self, rows: Iterable[Any], key: str) -> int | None:
        try:
            return sum(self._count(key, row.get(key) if isinstance(row, dict) else row) for row in rows)
        except BadDataError as error:
            _logger.warning("%s", error.message)
            return None


def _incomplete(reading: PostReading, fault: PlatformAPIError | None) -> PostReading:
    """The reading with the passing fault that kept a part of it back: the rest is read a little later."""
    return reading if fault is None or reading.error is not None else replace(reading, error=fault)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
