"""LinkedIn's error table (platforms/linkedin.md §5), row by row.

Here: which status and code stand for which exception. Not here: waits and retries.
"""

from typing import Final

from analytics_pipeline.platform_fetchers.error_table import NO_JSON, ErrorCase
from analytics_pipeline.platform_fetchers.exceptions import (
    AuthenticationError,
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
    VersionError,
)

DAILY_QUOTA: Final = "101"

_GATEWAY: Final = "a gateway answered in LinkedIn's place; check LINKEDIN_BASE_URL"


class RevokedTokenError(InvalidTokenError):
    """The member took the consent back. A token minted seconds ago can be refused with the same words."""


def _codes(*codes: str) -> frozenset[str]:
    return frozenset(codes)


ERRORS: Final = (
    ErrorCase(
        400,
        VersionError,
        "no version was sent: set LINKEDIN_API_VERSION",
        _codes("VERSION_MISSING"),
    ),
    ErrorCase(
        400, ConfigurationError, "LinkedIn does not take the request: an id, a parameter or its encoding is wrong"
    ),
    ErrorCase(
        401,
        InvalidTokenError,
        "the token is malformed or unknown: connect the page again",
        _codes("65600", "INVALID_ACCESS_TOKEN"),
    ),
    ErrorCase(
        401,
        RevokedTokenError,
        "the member revoked the token: connect the page again",
        _codes("65601", "REVOKED_ACCESS_TOKEN"),
    ),
    ErrorCase(
        401,
        InvalidTokenError,
        "the token has expired: refresh it or connect the page again",
        _codes("65602", "EXPIRED_ACCESS_TOKEN"),
    ),
    ErrorCase(401, AuthenticationError, "the token was refused: connect the page again"),
    ErrorCase(403, TransientError, _GATEWAY, _codes(NO_JSON)),
    ErrorCase(
        403,
        PermissionDeniedError,
        "a scope, the app's product or the page role ADMINISTRATOR is missing",
    ),
    ErrorCase(404, TransientError, _GATEWAY, _codes(NO_JSON)),
    ErrorCase(404, PostNotFoundError, "LinkedIn does not know it, or not any more"),
    ErrorCase(
        426,
        VersionError,
        "LinkedIn has ended this version of its API: set LINKEDIN_API_VERSION to a newer one",
    ),
    ErrorCase(
        429, RateLimitError, "the day's quota of calls is used up; it is renewed at 00:00 UTC", _codes(DAILY_QUOTA)
    ),
    ErrorCase(429, RateLimitError, "LinkedIn asks to slow down"),
    ErrorCase(500, TransientError, "a fault on LinkedIn's side"),
    ErrorCase(502, TransientError, "a fault on LinkedIn's side"),
    ErrorCase(503, TransientError, "a fault on LinkedIn's side"),
    ErrorCase(504, TransientError, "a fault on LinkedIn's side"),
)
