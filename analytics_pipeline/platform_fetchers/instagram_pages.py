"""Pages of an Instagram account's media with figures in them, and what becomes of a page that one media fails.

Source: platforms/instagram.md §4, §5. Not here: media by their ids (instagram.py), how a page is walked (graph.py).
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from analytics_pipeline.platform_fetchers.exceptions import MetricError, PlatformAPIError
from analytics_pipeline.platform_fetchers.graph_values import moment, url
from analytics_pipeline.platform_fetchers.instagram_details import RECENT, UNANIMOUS, InstagramDetails
from analytics_pipeline.platform_fetchers.instagram_errors import NoInsightsError, culprit_of
from analytics_pipeline.platform_fetchers.instagram_metrics import FEED, NODE_FIELDS, kind_of, with_insights

_CARRIED: Final = ("FEED", "REELS")
_SECOND: Final = timedelta(seconds=1)

_log = logging.getLogger(__name__)


class InstagramPages(InstagramDetails):
    """Lists media with the figures that posts and reels have in common.

    One refused metric, or one media without insights, fails a whole page. A metric that the newest media all refuse is
    retired, and the page is asked without it. Of media from before the account became a business, and of all that are
    older, the fields of the list are all there is. After any other failure the figures go media by media.
    """

    def __init__(self, access_token: str, account_id: str | None, **options: Any) -> None:
        super().__init__(access_token, account_id, **options)
        self.unread: set[str] = set()
        """Listed media whose figures are still to be read by themselves."""

    def _read_page(self, position: Mapping[str, str]) -> dict[str, Any]:
        edge = f"{self._account()}/media"
        while self.expands and self.unconverted is None and (alive := self._alive_in_all()):
            try:
                return self._get(url(edge, fields=with_insights(alive), **position))
            except MetricError as error:
                page = self._get(url(edge, fields=NODE_FIELDS, **position))
                if isinstance(error, NoInsightsError):
                    self._read_converted(_rows(page), alive, error)
                    return page
                if self._retired(culprit_of(error, alive), _rows(page)):
                    continue
                _log.info("instagram: figures of account %s go by media: %s", self.account_id, error.message)
                self.expands = False
                return page
        page = self._get(url(edge, fields=NODE_FIELDS, **position))
        if self.unconverted is not None:
            self._leave(
                [row for row in _rows(page) if _tells_nothing(row) or not self.before_conversion(_published(row))]
            )
        return page

    def _alive_in_all(self) -> list[str]:
        return [metric for metric in FEED if all(self._alive([metric], kind) for kind in _CARRIED)]

    def _leave(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.unread |= {str(row.get("id")) for row in rows}

    # --- a retired metric

    def _retired(self, culprit: str | None, rows: Sequence[Mapping[str, Any]]) -> bool:
        """Whether the newest media of a kind all refuse the metric that failed their page; then it is remembered."""
        since = self._clock() - RECENT
        young = [row for row in rows if _published(row) > since]
        asked = {kind: [row for row in young if kind_of(row) == kind][:UNANIMOUS] for kind in _CARRIED}
        asked = {kind: some for kind, some in asked.items() if len(some) == UNANIMOUS}
        if culprit is None or not asked:
            return False
        fields = f"id,insights.metric({culprit})"
        replies = iter(self._ask([url(str(row["id"]), fields=fields) for some in asked.values() for row in some]))
        verdicts = {kind: [next(replies) for _ in some] for kind, some in asked.items()}
        dead = [kind for kind, told in verdicts.items() if all(isinstance(reply, MetricError) for reply in told)]
        for kind in dead:
            self._bury(culprit, kind)
        return bool(dead)

    # --- media from before the account became a business

    def _read_converted(self, rows: list[dict[str, Any]], alive: Sequence[str], refusal: NoInsightsError) -> None:
        """Finds the newest media without insights among `rows`, newest first, and gives the newer ones theirs."""
        converted = self._count_converted(rows, alive[0])
        if converted == len(rows):  # the refusal was of the page, not of a media: nobody knows of which
            self.expands = False
            return
        boundary = _published(rows[converted])
        self.note_unconverted(boundary, refusal)
        newer = rows[:converted]
        found: dict[Any, dict[str, Any]] = {}
        if newer:
            window = {
                "since": int((boundary + _SECOND).timestamp()),
                "until": int((_published(newer[0]) + _SECOND).timestamp()),
            }
            edge, fields = f"{self._account()}/media", with_insights(alive)
            try:
                found = {
                    row["id"]: row for row in _rows(self._get(url(edge, fields=fields, limit=len(newer), **window)))
                }
            except MetricError as error:
                _log.info("instagram: figures of account %s go by media: %s", self.account_id, error.message)
        for row in newer:
            row |= found.get(row["id"], {})
        self._leave([row for row in newer if row["id"] not in found])
        self._leave([row for row in rows[converted:] if _tells_nothing(row)])

    def _count_converted(self, rows: Sequence[Mapping[str, Any]], metric: str) -> int:
        """How many of `rows`, newest first, are newer than the conversion: everything before it has no insights."""
        first, last = 0, len(rows)
        middle = 0  # often the whole page is older
        while first < last:
            [reply] = self._ask_each([url(str(rows[middle]["id"]), fields=f"id,insights.metric({metric})")])
            if isinstance(reply, NoInsightsError):
                last = middle
            elif isinstance(reply, PlatformAPIError) and not isinstance(reply, MetricError):
                raise reply
            else:
                first = middle + 1
            middle = (first + last) // 2
        return first


def _rows(page: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The media of a page that have an id and a time, newest first."""
    rows = page.get("data")
    known = [row for row in rows if isinstance(row, dict) and row.get("id")] if isinstance(rows, list) else []
    return sorted((row for row in known if moment(row.get("timestamp"))), key=_published, reverse=True)


def _published(row: Mapping[str, Any]) -> datetime:
    return moment(row.get("timestamp")) or datetime.min.replace(tzinfo=UTC)


def _tells_nothing(row: Mapping[str, Any]) -> bool:
    return row.get("like_count") is None and row.get("comments_count") is None
