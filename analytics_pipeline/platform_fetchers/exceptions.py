"""What can go wrong when a platform is asked, one class per meaning.

    PlatformAPIError            anything a platform call can end with
    ├── RateLimitError          throttled: come back after `retry_after`
    ├── TransientError          5xx, reset, timeout, cut or non-JSON body: worth another attempt
    │   └── UnknownReplyError   … so taken because no row of the platform's error table covers it
    ├── AuthenticationError     the token does not work
    │   └── InvalidTokenError   … and never will again (malformed, expired, revoked)
    ├── PermissionDeniedError   the token works, a scope or role is missing
    │   └── AccountHiddenError  … so that the whole account is not there for it
    ├── PostNotFoundError       the platform says the post is gone
    ├── PostAbsentError         no figures of the post are to be had: neither zero nor deleted
    ├── MetricError             a retired or unsupported metric failed the call
    ├── BadDataError            the platform answered, but not with usable figures
    └── ConfigurationError      malformed id, wrong setting: ours to mend
        └── VersionError        the version of the API, or a field, that we ask for has ended, or was not sent

`error_class` is the class of design.md §7 that decides what happens next. No message ever holds a token.
"""

from typing import ClassVar


class PlatformAPIError(Exception):
    """A call to a platform failed.

    `message` is for people and free of secrets; `status_code` is the HTTP status, None where there was no reply.
    """

    error_class: ClassVar[str] = "transient"

    def __init__(self, message: str, platform: str | None = None, status_code: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.platform = platform
        self.status_code = status_code


class RateLimitError(PlatformAPIError):
    """Throttled. `retry_after` is the wait in seconds that the platform asks for, None where it does not say."""

    error_class = "throttled"

    def __init__(
        self,
        message: str,
        platform: str | None = None,
        status_code: int | None = 429,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, platform, status_code)
        self.retry_after = retry_after


class TransientError(PlatformAPIError):
    """A fault that passes: 5xx, connection reset, deadline, cut body, a body that is not JSON.

    `retry_after` is the wait in seconds that the platform asks for, None where it does not say.
    """

    retry_after: float | None = None


class UnknownReplyError(TransientError):
    """An error that the platform's table does not know: counted and logged, and taken for one that passes."""


class AuthenticationError(PlatformAPIError):
    """The platform refused the token."""

    error_class = "token"


class InvalidTokenError(AuthenticationError):
    """The token is malformed, expired or revoked; only a refresh or a new consent helps."""


class PermissionDeniedError(PlatformAPIError):
    """The token is good but lacks a scope, a product or a page role, named in the message where known."""

    error_class = "permission"


class AccountHiddenError(PermissionDeniedError):
    """The account is not to be seen with this token: what is said to be gone of it need not be."""


class PostNotFoundError(PlatformAPIError):
    """The platform says that the post does not exist any more, or not for this account."""

    error_class = "gone"

    def __init__(
        self,
        message: str,
        platform: str | None = None,
        status_code: int | None = 404,
        post_id: str | None = None,
    ) -> None:
        super().__init__(message, platform, status_code)
        self.post_id = post_id


class PostAbsentError(PlatformAPIError):
    """A batch was answered without this post, or a story is past its day.

    Recorded as absent: never as zero, never as deleted at first sight.
    """

    error_class = "absent"


class MetricError(PlatformAPIError):
    """A metric that the platform retired or does not offer for this post failed the call. `metric` where it is named."""

    error_class = "metric"

    def __init__(
        self,
        message: str,
        platform: str | None = None,
        status_code: int | None = 400,
        metric: str | None = None,
    ) -> None:
        super().__init__(message, platform, status_code)
        self.metric = metric


class BadDataError(PlatformAPIError):
    """The reply has the wrong shape or an impossible figure."""

    error_class = "bad_data"


class ConfigurationError(PlatformAPIError):
    """A setting or an id of ours is wrong: the message names it."""

    error_class = "configuration"


class VersionError(ConfigurationError):
    """The platform no longer speaks the version asked for, or knows a field of it: every call fails like this one."""
