"""Pages of an Instagram account's media with figures in them, and what becomes of a page that one media fails.

Source: platforms/instagram.md §4, §5. Not here: media by their ids (instagram.py), how a page is walked (graph.py).
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

from analytics_pipeline.platform_fetchers.exceptions import MetricError, PlatformAPIError, PostNotFoundError
from analytics_pipeline.platform_fetchers.graph import MAYBE_OF_ONE
from analytics_pipeline.platform_fetchers.graph_values import moment, url
from analytics_pipeline.platform_fetchers.instagram_details import UNANIMOUS, InstagramDetails
from analytics_pipeline.platform_fetchers.instagram_errors import (
    NoInsightsError,
    culprit_of,
    refuses_metric,
)
from analytics_pipeline.platform_fetchers.instagram_metrics import FEED, kind_of, with_insights

_CARRIED: Final = ("FEED", "REELS")
_SECOND: Final = timedelta(seconds=1)
_TOO_FEW_TO_HALVE: Final = 4
_ODD_PAGES: Final = 2
"""Where batches are taken, pages that one of their media may fail before none is asked for figures any more."""

_log = logging.getLogger(__name__)


class InstagramPages(InstagramDetails):
    """Lists media with the figures that posts and reels have in common.

    One refused metric, or one media without insights, fails a whole page. A metric that the newest media of a kind all
    refuse is retired, and the page is asked without it; where the other kind still has it, its media are read apart. Of
    media from before the account became a business, and of all that are older, the fields of the list are all there is.
    Where one media refuses a metric, its page goes media by media; after any other failure that may be of one media, all
    do. Where there are no batches, only the media do that cannot be listed with others.
    """

    def __init__(self, access_token: str, account_id: str | None, **options: Any) -> None:
        super().__init__(access_token, account_id, **options)
        self.unread: set[str] = set()
        """Listed media whose figures are still to be read by themselves."""
        self._odd_pages = 0

    def _read_page(self, position: Mapping[str, str]) -> dict[str, Any]:
        edge = f"{self._account()}/{self.listing}"
        self.odd_page = False
        while self.expands and self.unconverted is None and (alive := self._alive_in_all()):
            try:
                page = self._get(url(edge, fields=with_insights(alive), **position))
            except MetricError as error:
                culprit = culprit_of(error, alive)
                page = self._read_bare(position)
                if isinstance(error, NoInsightsError):
                    self._read_converted(_rows(page), alive, error)
                elif self._retired(culprit, _rows(page)):
                    continue
                else:
                    _log.info("instagram: figures of account %s go by media: %s", self.account_id, error.message)
                    if self.batches:
                        self._odd_pages += 1
                        self.odd_page = self.expands = culprit is not None and self._odd_pages < _ODD_PAGES
                        self._leave(_rows(page))
                    else:
                        self._read_halves(_rows(page), alive)
            if self.expands:
                self._complete_kinds(_rows(page), alive)
            return page
        page = self._read_bare(position)
        if self.unconverted is not None:
            self._leave(
                [row for row in _rows(page) if _tells_nothing(row) or not self.before_conversion(_published(row))]
            )
        return page

    def _go_without(self, page: Mapping[str, Any]) -> None:
        rows, alive = _rows(page), self._alive_in_all()
        if self.batches or not self._reads_some(rows, alive):
            super()._go_without(page)
            return
        with self._trying_once():  # that some of them fail is known
            self._read_halves(rows, alive)
        self._complete_kinds(rows, alive)

    def _reads_some(self, rows: Sequence[Mapping[str, Any]], alive: Sequence[str]) -> bool:
        """Whether insights of the newest media can be read: if not, it may be that none of the account can."""
        newest = (url(str(row["id"]), fields=with_insights(alive)) for row in rows[:UNANIMOUS])
        return any(isinstance(reply, dict) for one in newest for reply in self._ask_each([one]))

    def _alive_in_all(self) -> list[str]:
        return [metric for metric in FEED if all(self._alive([metric], kind) for kind in _CARRIED)]

    def _complete_kinds(self, rows: Sequence[dict[str, Any]], asked: Sequence[str]) -> None:
        """Sees to media of a kind that has more metrics than the page was `asked` for, since another kind lost them."""
        told = [
            row for row in rows if str(row["id"]) not in self.unread and not self.before_conversion(_published(row))
        ]
        for kind, run in groupby(told, key=kind_of):
            own, same = self._alive(FEED, kind), list(run)
            if kind in _CARRIED and len(own) > len(asked) and (self.batches or not self._read_window(same, own)):
                self._leave(same)

    def _leave(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.unread |= {str(row.get("id")) for row in rows}

    # --- a retired metric

    def _retired(self, culprit: str | None, rows: Sequence[dict[str, Any]]) -> bool:
        """Whether the media that speak for a kind all refuse the metric that failed their page; then it is remembered."""
        if culprit is None:
            return False
        with self.searching():
            found_meanwhile = not all(self._alive([culprit], kind) for kind in _CARRIED)
            return found_meanwhile or self._ask_kinds(culprit, rows)

    def _ask_kinds(self, culprit: str, rows: Sequence[dict[str, Any]]) -> bool:
        kinds = [kind for kind in _CARRIED if (kind, culprit) not in self._taken]
        speakers = {kind: self._speakers([row for row in rows if kind_of(row) == kind]) for kind in kinds}
        if not any(speakers.values()):
            return False
        fields = f"id,insights.metric({culprit})"
        replies = iter(self._ask([url(str(row["id"]), fields=fields) for some in speakers.values() for row in some]))
        verdicts = {kind: [next(replies) for _ in some] for kind, some in speakers.items()}
        dead = [kind for kind, told in verdicts.items() if told and all(map(refuses_metric, told))]
        self._taken |= {
            (kind, culprit) for kind, told in verdicts.items() if any(isinstance(one, dict) for one in told)
        }
        for kind in dead:
            self._bury(culprit, kind)
        return bool(dead)

    def _speakers(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """Who speaks for media of one kind, newest first: the newest, and the newest of each type, as verdicts differ by it.

        Nobody does where too few are recent.
        """
        young = [row for row in rows if self.is_recent(_published(row))][:UNANIMOUS]
        newest_by_type = {str(row.get("media_type")): row for row in reversed(rows)}
        others = [row for row in newest_by_type.values() if row not in young]
        return [*young, *others] if len(young) == UNANIMOUS else []

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
                url(f"{self._account()}/{self.listing}", fields=with_insights(alive), limit=self.largest_page, **window)
            )
        except (MetricError, *MAYBE_OF_ONE):
            return False
        found = {row["id"]: row for row in _rows(listed)}
        for row in rows:
            row |= found.get(row["id"], {})
        self._leave([row for row in rows if row["id"] not in found])
        return True

    def _count_converted(self, rows: list[dict[str, Any]], metric: str) -> int:
        """How many of `rows`, newest first, are newer than the conversion: everything before it has no insights.

        A media that is gone tells neither: it is taken out of `rows`, and left to be read by itself.
        """
        first, last = 0, len(rows)
        middle = 0  # often the whole page is older
        while first < last:
            [reply] = self._ask_each([url(str(rows[middle]["id"]), fields=f"id,insights.metric({metric})")])
            if isinstance(reply, NoInsightsError):
                last = middle
            elif isinstance(reply, PostNotFoundError):
                self._leave([rows.pop(middle)])
                last -= 1
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
