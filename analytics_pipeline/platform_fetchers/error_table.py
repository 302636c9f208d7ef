"""The form of a platform's error table: which reply stands for which exception, row by row.

Here: one row, the search for it, the sentence for people. Not here: any platform's rows.
"""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from analytics_pipeline.platform_fetchers.exceptions import PlatformAPIError, UnknownReplyError

NO_JSON: Final = "no JSON"
"""Stands for the code of a reply whose body is no JSON object: an empty or HTML body of some gateway."""

_MAX_DETAIL: Final = 300

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ErrorCase:
    """Replies with `status`, and one of `codes` where there are any, stand for `error`.

    `codes` are the platform's own: error codes, problem types. `meaning` says what happened and what the user can do.
    """

    status: int
    error: type[PlatformAPIError]
    meaning: str
    codes: frozenset[str] = field(default=frozenset())


def error_of(
    table: Sequence[ErrorCase], platform: str, status: int, codes: Collection[str], detail: str
) -> PlatformAPIError:
    """The exception of the first row that fits; UnknownReplyError, and a line in the log, where none does.

    `detail` is what the platform said, free of secrets.
    """
    said = ", ".join([f"HTTP {status}", *sorted(codes)])
    detail = " ".join(detail.split())[:_MAX_DETAIL]
    for case in table:
        if case.status == status and (not case.codes or not case.codes.isdisjoint(codes)):
            return case.error(f"{platform}: {case.meaning} ({said}) {detail}".rstrip(), platform, status)
    _logger.warning("%s: a reply that its error table does not know: %s %s", platform, said, detail)
    return UnknownReplyError(f"{platform}: unknown error ({said}) {detail}".rstrip(), platform, status)
