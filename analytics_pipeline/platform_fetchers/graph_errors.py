"""What the Graph API's errors mean: the error table of both Meta platforms, and the reading of an error envelope.

Source: platforms/facebook.md §5, §6. Not here: what only Instagram says (instagram.py), what is done about an error.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    ConfigurationError,
    InvalidTokenError,
    MetricError,
    PermissionDeniedError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
    UnknownReplyError,
)

Reply = dict[str, Any] | PlatformAPIError
"""What one request came to: its JSON object, or the error that stood in its place."""

ENDS_ACCOUNT: Final = (RateLimitError, AuthenticationError)
"""What one post is told, all others of the account would be told too."""

_log = logging.getLogger(__name__)
_LONGEST_MESSAGE: Final = 400


class TooMuchDataError(TransientError):
    """The reply would have been too big. Asking for less helps, asking the same again does not."""


class UnfinishedError(TransientError):
    """Meta did not come to this part of a batch in time."""


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One row of an error table: which replies it covers, the exception they stand for, what the user can do.

    No `codes` or no `subcode` = any. `text` is searched in message and user title; its group, where it has one, is
    the name of the metric at fault.
    """

    error: type[PlatformAPIError]
    codes: Sequence[int] = ()
    subcode: int | None = None
    text: str = ""
    transient: bool = False
    hint: str = ""

    def covers(self, envelope: Mapping[str, Any], text: str) -> bool:
        """Whether an error with this envelope belongs to this row. HTTP status and `type` never count."""
        return (
            (not self.codes or envelope.get("code") in self.codes)
            and (self.subcode is None or envelope.get("error_subcode") == self.subcode)
            and (not self.transient or envelope.get("is_transient") is True)
            and (not self.text or re.search(self.text, text, re.IGNORECASE) is not None)
        )


_AGAIN: Final = "Connect the account again."
_BUG: Final = "The request is malformed: please report it with this message."

_BUSINESS_THROTTLES: Final = range(80000, 80007)
"""One code for each `type` of x-business-use-case-usage (facebook.md §6); those of ads and leads too hold the account."""

GRAPH_ERRORS: Final = (
    ErrorRow(TooMuchDataError, (1,), text="reduce the amount of data"),
    ErrorRow(RateLimitError, (4, 17, 32, 341, 613, *_BUSINESS_THROTTLES)),
    ErrorRow(InvalidTokenError, (190,), 458, hint=f"The app was removed from the account. {_AGAIN}"),
    ErrorRow(InvalidTokenError, (190,), 459, hint="The person must log in at facebook.com and answer its checkpoint."),
    ErrorRow(InvalidTokenError, (190,), 460, hint=f"The password was changed. {_AGAIN}"),
    ErrorRow(InvalidTokenError, (190,), 463, hint=f"The token has expired. {_AGAIN}"),
    ErrorRow(InvalidTokenError, (190,), 464, hint="The person must confirm their account at facebook.com."),
    ErrorRow(InvalidTokenError, (190,), 466, hint=f"The token was revoked. {_AGAIN}"),
    ErrorRow(InvalidTokenError, (190,), 467, hint=f"The person has logged out. {_AGAIN}"),
    ErrorRow(InvalidTokenError, (190,), 492, hint=f"The session was lost. {_AGAIN}"),
    ErrorRow(
        InvalidTokenError,
        (190, 210),
        text="page access token",
        hint="This is the token of a person: give the Page's own, the access_token of the Page in GET /me/accounts.",
    ),
    ErrorRow(InvalidTokenError, (102, 190), hint=_AGAIN),
    ErrorRow(TransientError, transient=True),
    ErrorRow(TransientError, (1, 2)),
    ErrorRow(
        PermissionDeniedError,
        (10,),
        hint=f"{_AGAIN} Lists of posts and comments need pages_read_engagement and pages_read_user_content, figures "
        "need read_insights as well; Facebook sometimes names the wrong one.",
    ),
    ErrorRow(PermissionDeniedError, (3, *range(200, 300)), hint=f"{_AGAIN} The permission named must be granted."),
    ErrorRow(PermissionDeniedError, (368,), hint="Meta has blocked the app or account for a breach of its policies."),
    ErrorRow(PostNotFoundError, (100,), 33),
    ErrorRow(PostNotFoundError, (803,)),
    ErrorRow(
        ConfigurationError,
        (100,),
        text="appsecret_proof",
        hint="FACEBOOK_CLIENT_SECRET must be the secret of the app that the account was connected with.",
    ),
    ErrorRow(PostNotFoundError, (100,), text="unsupported get request"),
    ErrorRow(MetricError, (100,), text=r"nonexisting field \((\w+)\)"),
    ErrorRow(MetricError, (100,), text=r"metric"),
    ErrorRow(ConfigurationError, (100, 104, 506, 2500, 3001), hint=_BUG),
)
"""The table of facebook.md §5. The first row that covers an error decides."""


def error_from(
    platform: str,
    body: Any,
    status: Any,
    table: Sequence[ErrorRow],
    redact: Callable[[str], str],
    retry_after: float | None = None,
) -> PlatformAPIError:
    """The exception that an error reply stands for, by code and subcode; anything unknown is transient and logged.

    `retry_after` is the wait in seconds that the reply's headers ask for; it only goes into a RateLimitError.
    """
    status_code = status if isinstance(status, int) else None
    envelope = body.get("error") if isinstance(body, dict) else None
    if not isinstance(envelope, dict):
        if status_code == 429:
            return RateLimitError(f"{platform}: too many calls (status 429)", platform, 429, retry_after)
        return TransientError(f"{platform}: status {status_code} without an error body", platform, status_code)
    said = str(envelope.get("message") or "")
    title = str(envelope.get("error_user_title") or "")
    text = f"{said}: {title}" if said and title else said or title or "no message"
    row = next((row for row in table if row.covers(envelope, text)), None)
    if row is None:
        _log.warning("%s: unknown error %s taken as passing", platform, _number(envelope))
        row = ErrorRow(UnknownReplyError)
    shown = redact(text)[:_LONGEST_MESSAGE]
    message = f"{platform}: {shown} (code {_number(envelope)}){' ' if row.hint else ''}{row.hint}"
    if row.error is RateLimitError:
        return RateLimitError(message, platform, status_code, retry_after)
    if row.error is MetricError:
        found = re.search(row.text, text, re.IGNORECASE)
        named = next((group for group in found.groups() if group), None) if found else None
        return MetricError(message, platform, status_code, named)
    return row.error(message, platform, status_code)


def _number(envelope: Mapping[str, Any]) -> str:
    code, subcode = envelope.get("code"), envelope.get("error_subcode")
    return f"{code}/{subcode}" if subcode else f"{code}"


def ends_account(replies: Sequence[Reply], one_is_enough: bool = True) -> PlatformAPIError | None:
    """The error that concerns the whole account: token or quota, or whatever refuses every single post.

    Unless `one_is_enough`, a post that is alone among the replies speaks for itself only; so does one whose data are too
    much, as it may be asked for less.
    """
    errors = [reply for reply in replies if isinstance(reply, PlatformAPIError)]
    for error in errors:
        if isinstance(error, ENDS_ACCOUNT):
            return error
    if len(errors) < len(replies) or not all(map(_is_general, errors)):
        return None
    return errors[0] if len(errors) > 1 or (errors and one_is_enough) else None


def _is_general(error: PlatformAPIError) -> bool:
    general = (PermissionDeniedError, TransientError, ConfigurationError)
    return isinstance(error, general) and not isinstance(error, TooMuchDataError)
