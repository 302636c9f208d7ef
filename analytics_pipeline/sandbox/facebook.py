"""graph.facebook.com: Pages, and Instagram accounts that are linked to one, with the token endpoints of the host.

Here: what belongs to this host alone (facebook.md section 8). Not here: how Graph works (graph.py), the nodes.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from analytics_pipeline.sandbox import facebook_nodes, instagram_nodes, oauth
from analytics_pipeline.sandbox.graph import JSON_HEADERS, Call, Host, Node, handle
from analytics_pipeline.sandbox.graph_batch import handle_batch, is_batch
from analytics_pipeline.sandbox.graph_errors import GraphError, bad_parameter, out_of_order
from analytics_pipeline.sandbox.graph_session import granted, open_session
from analytics_pipeline.sandbox.model import Account
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.wire import Reply, Request, reply

LONG_LIFE = 5_183_944
"""Seconds a long-lived token lives, as the exchange names them: about 60 days."""
SHORT_LIFE = 5400
"""Seconds a token lives that was given for a code: 1 to 2 hours."""
DATA_ACCESS = timedelta(days=90)


def _find(call: Call, object_id: str) -> Node | None:
    return facebook_nodes.find(call, object_id) or instagram_nodes.find(call, object_id)


def _token(state: SandboxState, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
    """The person's token: a short one for a code, a long-lived one for one that is still valid (fb_exchange_token)."""
    app = state.world.oauth
    if (params.get("client_id"), params.get("client_secret")) != (app.client_id, app.client_secret):
        raise GraphError(101, "Error validating client secret.")
    if "code" in params:
        code = state.tokens.take_code(params["code"])
        if code is None or code.redirect_uri != params.get("redirect_uri"):
            raise bad_parameter("Error validating verification code. This authorization code has been used.")
        return _issued(state, code.account, now, SHORT_LIFE)
    if params.get("grant_type") != "fb_exchange_token":
        raise bad_parameter("Invalid grant_type; the sandbox exchanges tokens (fb_exchange_token) only")
    session = open_session(state, "facebook", params.get("fb_exchange_token"), now)
    if session.kind != "user":
        return {"access_token": session.token, "token_type": "bearer"}
    return _issued(state, session.account, now, LONG_LIFE)


def _issued(state: SandboxState, account: Account, now: datetime, seconds: int) -> dict[str, Any]:
    token = state.tokens.issue(account, now, seconds, person=True)
    return {"access_token": token.value, "token_type": "bearer", "expires_in": seconds}


def _debug_token(state: SandboxState, params: Mapping[str, str], now: datetime) -> dict[str, Any]:
    app = state.world.oauth
    if params.get("access_token") != f"{app.client_id}|{app.client_secret}":
        raise bad_parameter(
            "You must provide an app access token, or a user access token that is a developer of the app"
        )
    data: dict[str, Any] = {"app_id": app.client_id, "application": state.world.name, "expires_at": 0}
    try:
        session = open_session(state, "facebook", params.get("input_token"), now)
    except GraphError as error:
        told = {"code": error.code, "message": error.message, "subcode": error.subcode}
        told = {name: value for name, value in told.items() if value is not None}
        return {"data": data | {"is_valid": False, "error": told, "scopes": []}}
    known = state.tokens.find("facebook", session.token)
    if known is not None and known.expires_at is not None:
        data["expires_at"] = int(known.expires_at.timestamp())
    scopes = [scope for scope in facebook_nodes.PERMISSIONS if granted(session.account, scope)]
    targets = [each.external_id for each in session.accounts]
    return {
        "data": data
        | {
            "type": session.kind.upper(),
            "is_valid": True,
            "data_access_expires_at": int((now + DATA_ACCESS).timestamp()),
            "scopes": scopes,
            "granular_scopes": [{"scope": scope, "target_ids": targets} for scope in scopes],
        }
    }


HOST = Host(find=_find, endpoints={"oauth/access_token": _token, "debug_token": _debug_token})


def answer(state: SandboxState, request: Request) -> Reply:
    """Everything below /facebook, the consent page of www.facebook.com included."""
    if request.path.endswith("/dialog/oauth"):
        return oauth.meta_consent(state, request)
    return handle_batch(state, request, HOST) if is_batch(request) else handle(state, request, HOST)


def failure(request: Request, status: int) -> Reply:
    """A scripted failure of the whole request."""
    return reply(status, out_of_order(status).body(), JSON_HEADERS)
