"""The errors of the Graph API: one class that becomes the envelope, and the errors that both Meta platforms share.

Here: codes, subcodes, texts and statuses of facebook.md sections 5 and 6. Not here: when they are raised.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

PACIFIC: Final = ZoneInfo("America/Los_Angeles")
"""Graph counts days, and prints times in messages, in this zone."""

_RATE_LIMIT_HELP: Final = "https://developers.facebook.com/docs/graph-api/overview/rate-limiting"
_THROTTLE_TEXT: Final = {
    4: "(#4) Application request limit reached",
    17: "(#17) User request limit reached",
    32: "(#32) Page request limit reached",
    613: "(#613) Calls to this api have exceeded the rate limit.",
    80001: f"(#80001) There have been too many calls to this Page account. Wait a bit and try again. "
    f"For more info, please refer to {_RATE_LIMIT_HELP}.",
    80002: f"(#80002) There have been too many calls to this Instagram account. Wait a bit and try again. "
    f"For more info, please refer to {_RATE_LIMIT_HELP}#instagram.",
}


@dataclass(eq=False)
class GraphError(Exception):
    """An answer in the error envelope. `kind` is its `type`; None leaves `type` out, as the real code 1 may."""

    code: int
    message: str
    status: int = 400
    subcode: int | None = None
    kind: str | None = "OAuthException"
    extra: Mapping[str, Any] = field(default_factory=dict)

    def body(self, kind: str | None = None) -> dict[str, Any]:
        """The envelope. `kind` replaces the type, for the host that answers with a type of its own."""
        error: dict[str, Any] = {"message": self.message}
        if self.kind is not None:
            error["type"] = kind or self.kind
        error["code"] = self.code
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return {"error": error | dict(self.extra) | {"fbtrace_id": "A" + secrets.token_urlsafe(16)}}


def throttled(code: int) -> GraphError:
    """A spent budget: 4 app, 17 user, 32 Page call of a user, 613 endpoint, 80001 Page, 80002 Instagram account."""
    return GraphError(code, _THROTTLE_TEXT[code], extra={"is_transient": True} if code < 80000 else {})


def token_missing() -> GraphError:
    return GraphError(104, "An access token is required to request this resource.")


def token_unreadable() -> GraphError:
    """A token nobody issued: 190 without a subcode."""
    return GraphError(190, "Invalid OAuth access token - Cannot parse access token")


def token_expired(expired_at: datetime, now: datetime) -> GraphError:
    """190/463 with both times in Pacific time, as the real message has them."""
    then, today = expired_at.astimezone(PACIFIC), now.astimezone(PACIFIC)
    return GraphError(
        190,
        f"Error validating access token: Session has expired on {then:%A, %d-%b-%y %H:%M:%S %Z}. "
        f"The current time is {today:%A, %d-%b-%y %H:%M:%S %Z}.",
        status=401,
        subcode=463,
    )


def token_deauthorised() -> GraphError:
    return GraphError(
        190, "Error validating access token: The user has not authorized application 1357924680.", subcode=458
    )


def token_password_changed() -> GraphError:
    return GraphError(
        190,
        "Error validating access token: The session has been invalidated because the user changed their password or "
        "Facebook has changed the session for security reasons.",
        subcode=460,
    )


def token_logged_out() -> GraphError:
    return GraphError(
        190,
        "Error validating access token: The session is invalid because the user logged out.",
        status=401,
        subcode=467,
    )


def permission_missing(permission: str) -> GraphError:
    return GraphError(
        10,
        f"(#10) This endpoint requires the '{permission}' permission or the 'Page Public Content Access' feature. "
        "Refer to https://developers.facebook.com/docs/apps/review/login-permissions for details.",
        status=403,
    )


def posts_need_page_token() -> GraphError:
    """Lists of posts, asked for with the token of a person."""
    return GraphError(210, "(#210) A page access token is required to request this resource.", status=403)


def insights_need_page_token() -> GraphError:
    return GraphError(190, "(#190) This method must be called with a Page Access Token")


def unknown_object(object_id: str) -> GraphError:
    """100/33: gone, never there, or not of this token's accounts. The platform does not say which."""
    return GraphError(
        100,
        f"Unsupported get request. Object with ID '{object_id}' does not exist, cannot be loaded due to missing "
        "permissions, or does not support this operation. Please read the Graph API documentation at "
        "https://developers.facebook.com/docs/graph-api",
        subcode=33,
        kind="GraphMethodException",
    )


def unknown_alias(name: str) -> GraphError:
    """Something asked for by a name that nothing has."""
    return GraphError(803, f"(#803) Some of the aliases you requested do not exist: {name}")


def unknown_field(name: str, node_type: str) -> GraphError:
    return GraphError(100, f"(#100) Tried accessing nonexisting field ({name}) on node type ({node_type})")


def unknown_path(path: str) -> GraphError:
    return GraphError(2500, f"Unknown path components: /{path.strip('/')}")


def bad_parameter(text: str) -> GraphError:
    return GraphError(100, f"(#100) {text}")


def unsupported_method(method: str) -> GraphError:
    return GraphError(100, f"Unsupported request - method type: {method.lower()}", kind="GraphMethodException")


def proof_refused(text: str) -> GraphError:
    return GraphError(100, text, kind="GraphMethodException")


def no_metric() -> GraphError:
    return GraphError(
        3001,
        "No metric was specified to be fetched. Please specify one or more metrics to be fetched and try again.",
        subcode=1504028,
        extra={"error_user_title": "No metric specified", "is_transient": False},
    )


def too_much_data() -> GraphError:
    """Code 1 with HTTP 500 and without `type`, as seen in the wild."""
    return GraphError(
        1, "Please reduce the amount of data you're asking for, then retry your request", status=500, kind=None
    )


def out_of_order(status: int) -> GraphError:
    """What the platform itself says when it fails with `status`: the app is throttled for 429, a passing fault else."""
    if status == 429:
        return GraphError(4, _THROTTLE_TEXT[4], status, extra={"is_transient": True})
    text = "An unexpected error has occurred. Please retry your request later."
    return GraphError(2, text, status, extra={"is_transient": True})
