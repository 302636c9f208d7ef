"""X's error envelopes (x.md §5): whole answers that fail, and single items beside data that arrived.

Not here: when an error is raised.
"""

from collections.abc import Mapping
from typing import Any

from analytics_pipeline.sandbox.model import TwitterSettings
from analytics_pipeline.sandbox.wire import Reply, reply

Item = dict[str, Any]


class TwitterError(Exception):
    """An answer that is an error. `kind` is the last segment of `type`; blank = about:blank."""

    def __init__(self, status: int, title: str, detail: str, kind: str = "", **more: Any) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.kind, self.more = status, title, detail, kind, more

    def reply(self, settings: TwitterSettings, headers: Mapping[str, str] | None = None) -> Reply:
        if self.status == 429 and not self.kind and settings.rate_limit_body == "code88":
            return reply(429, {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}, headers)
        body: dict[str, Any] = {"title": self.title, "detail": self.detail, "type": problem_type(settings, self.kind)}
        if self.kind in ("", "unsupported-authentication"):
            body |= {"status": self.status}
        media_type = "application/json" if "errors" in self.more else "application/problem+json"
        return reply(self.status, self.more | body, {"content-type": media_type, **(headers or {})})


def problem_type(settings: TwitterSettings, kind: str) -> str:
    return f"https://{settings.type_host}/2/problems/{kind}" if kind else "about:blank"


def unauthorized() -> TwitterError:
    return TwitterError(401, "Unauthorized", "Unauthorized")


def forbidden() -> TwitterError:
    return TwitterError(403, "Forbidden", "Forbidden")


def app_only_refused() -> TwitterError:
    detail = (
        "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint. Supported authentication "
        "types are [OAuth 1.0a User Context, OAuth 2.0 User Context]."
    )
    return TwitterError(403, "Unsupported Authentication", detail, "unsupported-authentication")


def not_enrolled() -> TwitterError:
    detail = "When authenticating requests to the X API v2 endpoints, you must use keys of an app that is enrolled."
    url = "https://developer.x.com/en/docs/projects/overview"
    return TwitterError(
        403, "Client Forbidden", detail, "client-forbidden", reason="client-not-enrolled", registration_url=url
    )


def too_many() -> TwitterError:
    return TwitterError(429, "Too Many Requests", "Too Many Requests")


def usage_capped() -> TwitterError:
    detail = "Usage cap exceeded: Monthly product cap"
    return TwitterError(429, "UsageCapExceeded", detail, "usage-capped", period="Monthly", scope="Product")


def credits_depleted(account: str) -> TwitterError:
    detail = f"Your enrolled account [{account}] does not have any credits to fulfill this request."
    return TwitterError(402, "CreditsDepleted", detail, "credits")


def server_fault(status: int) -> TwitterError:
    if status == 500:
        detail = "Something is broken. This is usually a temporary error, for example in a high load situation."
        return TwitterError(500, "Internal Server Error", detail)
    title = {502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout"}.get(status, "Error")
    return TwitterError(status, title, title)


def invalid(parameter: str, value: str, message: str = "") -> TwitterError:
    """400 for one parameter. Without `message`: the value "is not valid"."""
    item = {
        "parameters": {parameter: [value]},
        "message": message or f"The `{parameter}` query parameter value [{value}] is not valid",
    }
    detail = "One or more parameters to your request was invalid."
    return TwitterError(400, "Invalid Request", detail, "invalid-request", errors=[item])


def missing_item(settings: TwitterSettings, parameter: str, resource: str, value: str) -> Item:
    """An id that names nothing that can be seen."""
    return {
        "value": value,
        "detail": f"Could not find {resource} with {parameter}: [{value}].",
        "title": "Not Found Error",
        "resource_type": resource,
        "parameter": parameter,
        "resource_id": value,
        "type": problem_type(settings, "resource-not-found"),
    }


def foreign_item(settings: TwitterSettings, parameter: str, resource: str, value: str) -> Item:
    """A thing whose figures only its author may read."""
    return {
        "value": value,
        "detail": f"Sorry, you are not authorized to see the {resource} with {parameter}: [{value}].",
        "title": "Authorization Error",
        "resource_type": resource,
        "parameter": parameter,
        "resource_id": value,
        "type": problem_type(settings, "not-authorized-for-resource"),
    }


def field_item(
    settings: TwitterSettings, parameter: str, field: str, key: str, section: str, resource: str = "tweet"
) -> Item:
    """A private figure that this caller may not read of this post or media."""
    return {
        "resource_type": resource,
        "field": field,
        "parameter": parameter,
        "resource_id": key,
        "title": "Field Authorization Error",
        "section": section,
        "detail": (
            f"Sorry, you are not authorized to access '{field}' on the {resource.title()} with {parameter} : [{key}]."
        ),
        "value": key,
        "type": problem_type(settings, "not-authorized-for-field"),
    }
