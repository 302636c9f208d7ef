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
_TOO_FEW_TO_HALVE: Final = 4

_log = logging.getLogger(__name__)


class InstagramPages(InstagramDetails):
    """Lists media with the figures that posts and reels have in common.

    One refused metric, or one media without insights, fails a whole page. A metric that the newest media all refuse is
    retired, and the page is asked without it. Of media from before the account became a business, and of all that are
    older, the fields of the list are all there is. After any other failure the figures go media by media; where there are
    no batches, only those of the media that cannot be listed with others.
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
                if self.batches:
                    self.expands = False
                else:
                    self._read_halves(_rows(page), alive)
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
        if converted and not self._read_window(rows[:converted], alive):
            self._read_halves(rows[:converted], alive)
        self._leave([row for row in rows[converted:] if _tells_nothing(row)])

    def _read_halves(self, rows: Sequence[dict[str, Any]], alive: Sequence[str]) -> None:
        """Reads what can be read of `rows`, newest first, which failed together; the few that fail alone are left."""
        if len(rows) <= _TOO_FEW_TO_HALVE:
            self._leave(rows)
            return
        half = len(rows) // 2
        for part in (rows[:half], rows[half:]):
            if not self._read_window(part, alive):
                self._read_halves(part, alive)

    def _read_window(self, rows: Sequence[dict[str, Any]], alive: Sequence[str]) -> bool:
        """Gives `rows`, newest first, their insights by a listing of their time; False = a metric failed it."""
        since, until = _published(rows[-1]) - _SECOND, _published(rows[0]) + _SECOND
        window = {"since": int(since.timestamp()), "until": int(until.timestamp())}
        try:
            listed = self._get(
                url(f"{self._account()}/media", fields=with_insights(alive), limit=self.largest_page, **window)
            )
        except MetricError:
            return False
        found = {row["id"]: row for row in _rows(listed)}
        for row in rows:
            row |= found.get(row["id"], {})
        self._leave([row for row in rows if row["id"] not in found])
        return True

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
