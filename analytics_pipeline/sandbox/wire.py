"""One HTTP exchange as the platform modules see it: request in, reply out, and the line kept in the log.

Not here: sockets (server.py), what a platform answers.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from urllib.parse import parse_qsl

import orjson

from analytics_pipeline.sandbox.model import Account

_SECRET_PARAMETERS = frozenset(
    {
        "access_token", "appsecret_proof", "client_secret", "refresh_token", "token", "input_token", "code",
        "fb_exchange_token",
    }
)  # fmt: skip
_TOKEN_IN_BATCH = re.compile(r"(access_token%3D)(?:(?!%26|%22)[^&])*")
"""The entries of a Graph batch are addresses with queries of their own."""


@dataclass
class Request:
    """`path` and `raw_path` start below the platform's prefix; `path` is percent-decoded, `raw_path` as sent."""

    platform: str
    method: str
    path: str
    raw_path: str
    raw_query: str
    headers: Mapping[str, str]
    body: bytes
    at: datetime
    account: Account | None = None
    """Whose token this request carries, known or not valid any more; None without a known token."""

    @cached_property
    def params(self) -> dict[str, str]:
        """Query parameters, decoded; the last one wins."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    @property
    def raw_form(self) -> str:
        """The body of a form post as sent; empty for any other body."""
        if not self.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return ""
        return self.body.decode("utf-8", "replace")

    @cached_property
    def form(self) -> dict[str, str]:
        """The body of a form post, decoded; empty for any other body."""
        return dict(parse_qsl(self.raw_form, keep_blank_values=True))

    @property
    def token(self) -> str | None:
        """Bearer header, else `access_token` of the query or form; None when there is none."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and value.strip():
            return value.strip()
        if "access_token=" in self.raw_query:
            return self.params.get("access_token")
        if b"access_token=" in self.body:
            return self.form.get("access_token")
        return None


@dataclass(slots=True)
class Reply:
    """A finished answer. `posts` = how many posts it carries, `calls` = how many calls the platform counts for it."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    posts: int = 0
    calls: int = 1


@dataclass(slots=True)
class RequestRecord:
    """One answered request. `account` is the account's external id, `at` world time, `query` and `form` free of tokens.

    `status` 0 = the connection was reset. `fault` names the scripted fault that hit it, if one did.
    """

    platform: str
    account: str | None
    method: str
    path: str
    query: str
    status: int
    posts_returned: int
    calls: int
    at: datetime
    fault: str = ""
    form: str = ""


def to_json(content: object) -> bytes:
    """Compact JSON; whole numbers of any size."""
    try:
        return orjson.dumps(content)
    except TypeError:  # a number beyond 64 bits
        return json.dumps(content, separators=(",", ":")).encode()


def reply(
    status: int, content: object, headers: Mapping[str, str] | None = None, posts: int = 0, calls: int = 1
) -> Reply:
    """A JSON answer; `content` None = empty body. A content-type in `headers` replaces application/json."""
    body = b"" if content is None else to_json(content)
    return Reply(status, body, {"content-type": "application/json", **(headers or {})}, posts, calls)


def without_secrets(raw_query: str) -> str:
    """A query string or form for the log: the values of tokens, codes and secrets are replaced by three dots."""
    if not any(name in raw_query for name in _SECRET_PARAMETERS):
        return raw_query
    pairs = (pair.partition("=") for pair in _TOKEN_IN_BATCH.sub(r"\1...", raw_query).split("&"))
    return "&".join(f"{name}{equals}{'...' if name in _SECRET_PARAMETERS else value}" for name, equals, value in pairs)
