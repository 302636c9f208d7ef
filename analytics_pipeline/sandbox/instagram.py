"""graph.instagram.com for accounts with Instagram login; everybody else is answered as by graph.facebook.com.

Here: what belongs to this host alone: its error type, no batches, token exchange and refresh (instagram.md sections
1 and 7). Not here: the nodes (instagram_nodes.py).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from analytics_pipeline.sandbox import facebook, instagram_nodes
from analytics_pipeline.sandbox.graph import JSON_HEADERS, Host, handle
from analytics_pipeline.sandbox.graph_errors import GraphError, bad_parameter, out_of_order
from analytics_pipeline.sandbox.graph_session import open_session
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.wire import Reply, Request, reply

ERROR_KIND = "IGApiException"
TOKEN_LIFE = timedelta(days=60)
LEAST_AGE = timedelta(hours=24)


def _refresh(state: SandboxState, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """A new token for 60 days. The old one must be 24 hours old and not expired; its age is told from its end."""
    if params.get("grant_type") != "ig_refresh_token":
        raise bad_parameter("grant_type must be ig_refresh_token")
    token = open_session(state, "instagram", params.get("access_token"), now).token
    known = state.tokens.find("instagram", token)
    if known is not None and known.expires_at is not None and now < known.expires_at - TOKEN_LIFE + LEAST_AGE:
        raise bad_parameter("The access token must be at least 24 hours old to be refreshed")
    return _issued(state, token, now)


def _exchange(state: SandboxState, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
    if params.get("grant_type") != "ig_exchange_token":
        raise bad_parameter("grant_type must be ig_exchange_token")
    if params.get("client_secret") != state.world.oauth.client_secret:
        raise GraphError(101, "Error validating client secret.")
    return _issued(state, open_session(state, "instagram", params.get("access_token"), now).token, now)


def _issued(state: SandboxState, old: str, now: datetime) -> dict[str, Any]:
    account = open_session(state, "instagram", old, now).account
    issued = state.tokens.issue(account, now, TOKEN_LIFE.total_seconds())
    return {"access_token": issued.value, "token_type": "bearer", "expires_in": int(TOKEN_LIFE.total_seconds())}


HOST = Host(
    find=instagram_nodes.find,
    endpoints={"refresh_access_token": _refresh, "access_token": _exchange},
    error_kind=ERROR_KIND,
)


def answer(state: SandboxState, request: Request) -> Reply:
    """Everything below /instagram. The token says which of the two hosts is meant."""
    token = state.tokens.find("instagram", request.token)
    if token is not None and token.account.login == "instagram":
        return handle(state, request, HOST)
    return facebook.answer(state, request)


def failure(request: Request, status: int) -> Reply:
    """A scripted failure of the whole request."""
    kind = ERROR_KIND if request.account and request.account.login == "instagram" else None
    return reply(status, out_of_order(status).body(kind), JSON_HEADERS)
