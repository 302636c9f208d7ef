"""LinkedIn's error bodies (linkedin.md §5) and what a handler knows about the call it answers.

Not here: when an error is raised.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analytics_pipeline.sandbox.linkedin_restli import Value
from analytics_pipeline.sandbox.model import Account, LinkedInSettings, World
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.tokens import Token


class LinkedInError(Exception):
    """An answer that is an error; `body` is sent as it is."""

    def __init__(self, status: int, message: str, code: str = "", service_code: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"status": status}
        if service_code is not None:
            self.body["serviceErrorCode"] = service_code
        if code:
            self.body["code"] = code
        self.body["message"] = message


TOKEN_ERRORS = {
    "absent": LinkedInError(401, "Empty oauth2_access_token", service_code=401),
    "unknown": LinkedInError(401, "Invalid access token", "INVALID_ACCESS_TOKEN", 65600),
    "expired": LinkedInError(401, "The token used in the request has expired", "EXPIRED_ACCESS_TOKEN", 65602),
    "revoked": LinkedInError(
        401, "The token used in the request has been revoked by the user", "REVOKED_ACCESS_TOKEN", 65601
    ),
}


def bad_query() -> LinkedInError:
    return LinkedInError(400, "Invalid query parameters passed to request", service_code=0)


def not_found(message: str = "Post not found") -> LinkedInError:
    return LinkedInError(404, message, "NOT_FOUND")


def throttled(bucket: str = "") -> LinkedInError:
    """`bucket`: APPLICATION DAY (§5), or APPLICATION_AND_MEMBER DAY as clients have logged the quota of one token."""
    limit = f"{bucket} limit" if bucket else "limit"
    return LinkedInError(
        429, f"Resource level throttle {limit} for calls to this resource is reached.", service_code=101
    )


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated call. `resource` is the name after /rest or /v2, `key` the segment after it ("" = none)."""

    state: SandboxState
    token: Token
    at: datetime
    version: str
    legacy: bool
    resource: str
    key: str
    raw_query: str
    query: dict[str, Value]

    @property
    def world(self) -> World:
        return self.state.world

    @property
    def settings(self) -> LinkedInSettings:
        return self.state.world.linkedin

    @property
    def account(self) -> Account:
        return self.token.account

    @property
    def organization(self) -> str:
        """The URN of the page this token administers."""
        return organization_urn(self.account)

    def text(self, name: str, default: str | None = None) -> str:
        """A plain parameter. Raises the 400 when it is missing without default, or is a structure."""
        value = self.query.get(name, default)
        if not isinstance(value, str):
            raise bad_query()
        return value

    def number(self, name: str, default: int) -> int:
        value = self.text(name, str(default))
        if not value.isdecimal():
            raise bad_query()
        return int(value)

    def urns(self, name: str) -> list[str]:
        """A `List(…)` of plain values, without repetitions; [] when the parameter is missing."""
        values = self.query.get(name, [])
        if not isinstance(values, list) or (name in self.query and not values):
            raise bad_query()
        if not all(isinstance(value, str) for value in values):
            raise bad_query()
        return list(dict.fromkeys(value for value in values if isinstance(value, str)))

    def require(self, scope: str, method: str, name: str = "") -> None:
        """Raises the 403 that names the resource when the token lacks `scope`."""
        if not self.token.allows(scope):
            raise self.denied(method, name)

    def denied(self, method: str, name: str = "") -> LinkedInError:
        what = f"{name or self.resource}.{method}" + ("" if self.legacy else f".{self.version}01")
        return LinkedInError(403, f"Not enough permissions to access: {what}", "ACCESS_DENIED", 100)

    def require_own(self, urn: str, method: str, name: str = "") -> None:
        """Raises the 403 for any page but the token's own."""
        if urn != self.organization:
            raise self.denied(method, name)


def organization_urn(account: Account) -> str:
    return (
        account.external_id if account.external_id.startswith("urn:") else f"urn:li:organization:{account.external_id}"
    )
