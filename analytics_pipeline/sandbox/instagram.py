"""graph.instagram.com for accounts with Instagram login; everybody else is answered as by graph.facebook.com.

Here: what belongs to this host alone: its error type, no batches, token exchange and refresh (instagram.md sections
1 and 7). Not here: the nodes (instagram_nodes.py).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from analytics_pipeline.sandbox import facebook, instagram_nodes, oauth
from analytics_pipeline.sandbox.graph import JSON_HEADERS, Host, handle
from analytics_pipeline.sandbox.graph_errors import GraphError, bad_parameter, out_of_order, token_unreadable
from analytics_pipeline.sandbox.graph_session import Session, open_session
from analytics_pipeline.sandbox.model import Account
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.wire import Reply, Request, reply

ERROR_KIND = "IGApiException"
BEGINNING = "IGAA"
"""How the tokens of Instagram login begin: it tells the host of one that nobody was given."""
TOKEN_LIFE = timedelta(days=60)
SHORT_LIFE = timedelta(hours=1)
CODE_LIFE = timedelta(hours=1)
LEAST_AGE = timedelta(hours=24)


def _refresh(state: SandboxState, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """A new token for 60 days. The old one must be 24 hours old and not expired; the world's own are old enough."""
    if params.get("grant_type") != "ig_refresh_token":
        raise bad_parameter("grant_type must be ig_refresh_token")
    session = _session(state, params, now)
    known = state.tokens.find("instagram", session.token)
    if known is not None and known.issued_at is not None and now < known.issued_at + LEAST_AGE:
        raise GraphError(100, "The access token must be at least 24 hours old to be refreshed")
    return _issued(state, session.account, now)


def _exchange(state: SandboxState, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
    if params.get("grant_type") != "ig_exchange_token":
        raise bad_parameter("grant_type must be ig_exchange_token")
    if params.get("client_secret") != state.world.oauth.client_secret:
        raise GraphError(101, "Error validating client secret.")
    return _issued(state, _session(state, params, now).account, now)


def _code(state: SandboxState, form: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """A token for an hour, for a code (api.instagram.com)."""
    app = state.world.oauth
    if (form.get("client_id"), form.get("client_secret")) != (app.client_id, app.client_secret):
        raise GraphError(101, "Error validating client secret.")
    code = state.tokens.take_code(form.get("code", ""))
    if code is None or code.redirect_uri != form.get("redirect_uri") or now - code.issued_at > CODE_LIFE:
        raise GraphError(100, "Matching code was not found or was already used")
    token = state.tokens.issue(code.account, now, SHORT_LIFE.total_seconds())
    return {"access_token": token.value, "user_id": code.account.external_id, "permissions": code.scope.split(",")}


def _session(state: SandboxState, params: Mapping[str, str], now: datetime) -> Session:
    session = open_session(state, "instagram", params.get("access_token"), now)
    if session.kind != "instagram":
        raise token_unreadable()
    return session


def _issued(state: SandboxState, account: Account, now: datetime) -> dict[str, Any]:
    issued = state.tokens.issue(account, now, TOKEN_LIFE.total_seconds())
    return {"access_token": issued.value, "token_type": "bearer", "expires_in": int(TOKEN_LIFE.total_seconds())}


HOST = Host(find=instagram_nodes.find, endpoints={}, error_kind=ERROR_KIND)

TOKEN_ENDPOINTS = {
    ("GET", "/refresh_access_token"): _refresh,
    ("GET", "/access_token"): _exchange,
    ("POST", "/oauth/access_token"): _code,
}
"""They carry no version."""


def answer(state: SandboxState, request: Request) -> Reply:
    """Everything below /instagram. The token says which of the two hosts is meant."""
    if request.path == "/oauth/authorize":
        return oauth.meta_consent(state, request)
    if endpoint := TOKEN_ENDPOINTS.get((request.method, request.path)):
        try:
            return reply(200, endpoint(state, {**request.params, **request.form}, request.at), JSON_HEADERS)
        except GraphError as error:
            return reply(error.status, _refusal(state, error), JSON_HEADERS)
    token = state.tokens.find("instagram", request.token)
    of_instagram = token.account.login == "instagram" if token else (request.token or "").startswith(BEGINNING)
    return handle(state, request, HOST) if of_instagram else facebook.answer(state, request)


def _refusal(state: SandboxState, error: GraphError) -> dict[str, Any]:
    """Token endpoints answer outside of Graph's envelope; only Threads' documents say so, so the world may differ."""
    if state.world.instagram.token_errors_in_envelope:
        return error.body(ERROR_KIND)
    return {"error_type": "OAuthException", "code": error.status, "error_message": error.message}


def failure(request: Request, status: int) -> Reply:
    """A scripted failure of the whole request."""
    kind = ERROR_KIND if request.account and request.account.login == "instagram" else None
    return reply(status, out_of_order(status).body(kind), JSON_HEADERS)
