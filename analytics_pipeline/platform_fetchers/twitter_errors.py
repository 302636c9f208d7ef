"""X's error table (platforms/x.md §5), row by row.

Here: which status and problem type stand for which exception, also for the items of a reply with status 200.
Not here: waits and retries.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from analytics_pipeline.platform_fetchers.error_table import NO_JSON, ErrorCase
from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
    VersionError,
)

# The last segment of a problem's `type`: the host in front of it differs (api.twitter.com, api.x.com).
_NOT_FOUND: Final = "resource-not-found"
FIELD_REFUSED: Final = "not-authorized-for-field"
FIELD_FAILED: Final = "field-hydration-failure"
USAGE_CAPPED: Final = "usage-capped"

_OUTAGE: Final = "a fault on X's side"


class AppNotEnrolledError(PermissionDeniedError):
    """The app's plan does not have the call, whatever the account."""


class FieldsRefusedError(VersionError):
    """X does not know a field that it is asked for, by one of `parameters`."""

    parameters: frozenset[str] = frozenset()


def _types(*names: str) -> frozenset[str]:
    return frozenset(names)


ERRORS: Final = (
    # Items in the `errors` of an answer, each about one post.
    ErrorCase(200, PostNotFoundError, "X does not know it, or not any more", _types(_NOT_FOUND)),
    ErrorCase(
        200,
        PermissionDeniedError,
        "the post is protected, suspended or somebody else's",
        _types("not-authorized-for-resource", "resource-unavailable", "disallowed-resource"),
    ),
    ErrorCase(200, PermissionDeniedError, "the figures are shown to the post's author only", _types(FIELD_REFUSED)),
    ErrorCase(200, TransientError, "X could not read the figures this time", _types(FIELD_FAILED)),
    # Whole replies.
    ErrorCase(
        400,
        FieldsRefusedError,
        "X does not know a field that it is asked for",
        _types("tweet.fields", "media.fields"),
    ),
    ErrorCase(400, ConfigurationError, "X does not take the request: an id or a parameter is wrong"),
    ErrorCase(401, InvalidTokenError, "the token has expired, was revoked or is wrong: refresh it or connect again"),
    ErrorCase(402, RateLimitError, "the X account of the app has no credits left: buy credits; no wait will help"),
    ErrorCase(
        403,
        PermissionDeniedError,
        "this needs a token that the account's owner gave; the app's own token is not enough",
        _types("unsupported-authentication"),
    ),
    ErrorCase(
        403,
        AppNotEnrolledError,
        "the app is not enrolled for this call or its plan is too low: see X's developer console",
        _types("client-forbidden"),
    ),
    ErrorCase(403, TransientError, "a gateway answered in X's place; check TWITTER_BASE_URL", _types(NO_JSON)),
    ErrorCase(403, PermissionDeniedError, "a scope is missing (tweet.read, users.read): connect the account again"),
    ErrorCase(404, PostNotFoundError, "X does not know it, or not any more", _types(_NOT_FOUND)),
    ErrorCase(429, RateLimitError, "the app's cap of post reads is used up", _types(USAGE_CAPPED)),
    ErrorCase(429, RateLimitError, "too many calls"),
    ErrorCase(500, TransientError, _OUTAGE),
    ErrorCase(502, TransientError, _OUTAGE),
    ErrorCase(503, TransientError, _OUTAGE),
    ErrorCase(504, TransientError, _OUTAGE),
)


def problem_type(problem: Mapping[str, Any]) -> str:
    """The last segment of a problem's type URL, "" for one without a type."""
    return str(problem.get("type", "")).rsplit("/", 1)[-1]


def codes_of(problems: Iterable[Mapping[str, Any]]) -> set[str]:
    """What the error table tells problems apart by: types, codes of the old envelope, names of refused parameters."""
    return {str(code) for p in problems for code in (problem_type(p), p.get("code"), *_parameters(p)) if code}


def _parameters(problem: Mapping[str, Any]) -> Iterable[str]:
    named = problem.get("parameters")
    return named if isinstance(named, dict) else ()


def words_of(problems: Iterable[Mapping[str, Any]]) -> str:
    """What X says to people, each sentence once."""
    said = [str(p[key]) for p in problems for key in ("detail", "message", "reason") if key in p]
    return " ".join(dict.fromkeys(said))
