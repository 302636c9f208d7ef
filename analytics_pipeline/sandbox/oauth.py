"""The OAuth 2.0 endpoints of LinkedIn and X: consent, code, token, refresh, revocation; and Meta's consent pages.

Sources: linkedin.md §8 (refresh token stays, its life shrinks), x.md §8 (PKCE, codes of 30 s, refresh tokens for one
use). The sandbox's consent page asks nobody: it consents at once, for the account named by `sandbox_account`, or the
platform's first. Not here: the tokens themselves (tokens.py), Meta's token endpoints (facebook.py, instagram.py).
"""

import base64
import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from analytics_pipeline.sandbox.model import Account
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.tokens import Code, Grant
from analytics_pipeline.sandbox.wire import Reply, Request, reply

TWITTER_PATHS = frozenset(["/i/oauth2/authorize", "/2/oauth2/token", "/2/oauth2/revoke", "/oauth2/token"])
LINKEDIN_ACCESS_SECONDS = 60 * 86_400
LINKEDIN_REFRESH_DAYS = 365
LINKEDIN_CODE_SECONDS = 1800
TWITTER_ACCESS_SECONDS = 7200
TWITTER_REFRESH_DAYS = 183
TWITTER_CODE_SECONDS = 30
TWITTER_STATE_LENGTH = 500


class OAuthError(Exception):
    """A refusal of a token endpoint: `error` and `error_description`."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.body = status, {"error": error, "error_description": description}


def linkedin(state: SandboxState, request: Request) -> Reply:
    """Everything below /linkedin/oauth/v2."""
    try:
        match request.method, request.path:
            case "GET", "/oauth/v2/authorization":
                return _consent(state, request, request.params)
            case "POST", "/oauth/v2/accessToken":
                _linkedin_client(state, request)
                return reply(200, _linkedin_token(state, request))
            case "POST", "/oauth/v2/introspectToken":
                _linkedin_client(state, request)
                return reply(200, _linkedin_introspection(state, request))
            case "POST", "/oauth/v2/revoke":
                _linkedin_client(state, request)
                if token := state.tokens.find("linkedin", request.form.get("token")):
                    token.state = "revoked"
                return reply(200, None)
            case _:
                return reply(404, {"message": "No virtual resource found", "status": 404})
    except OAuthError as error:
        return reply(error.status, error.body)


def _linkedin_client(state: SandboxState, request: Request) -> None:
    app = state.world.oauth
    if (request.form.get("client_id"), request.form.get("client_secret")) != (app.client_id, app.client_secret):
        raise OAuthError(401, "invalid_client_id", "Client authentication failed")


def _linkedin_token(state: SandboxState, request: Request) -> dict[str, Any]:
    form = request.form
    if form.get("grant_type") == "authorization_code":
        code = state.tokens.take_code(_required(form, "code"))
        late = code is None or request.at - code.issued_at > timedelta(seconds=LINKEDIN_CODE_SECONDS)
        if code is None or late or code.redirect_uri != _required(form, "redirect_uri"):
            raise OAuthError(
                400,
                "invalid_request",
                "Unable to retrieve access token: appid/redirect uri/code verifier does not match authorization "
                "code. Or authorization code expired. Or external member binding exists",
            )
        grant = state.tokens.grant(code, request.at + timedelta(days=LINKEDIN_REFRESH_DAYS))
        return _linkedin_pair(state, grant, request.at)
    if form.get("grant_type") != "refresh_token":
        raise OAuthError(400, "invalid_request", 'A required parameter "grant_type" is missing')
    grant_end = state.started_at + timedelta(days=LINKEDIN_REFRESH_DAYS)
    known = state.tokens.find_grant("linkedin", _required(form, "refresh_token"), state.world, grant_end)
    if known is None or known.revoked or request.at >= known.expires_at:
        raise OAuthError(
            400,
            "invalid_request",
            "The provided authorization grant or refresh token is invalid, expired or revoked.",
        )
    return _linkedin_pair(state, known, request.at)


def _linkedin_pair(state: SandboxState, grant: Grant, at: datetime) -> dict[str, Any]:
    left = int((grant.expires_at - at).total_seconds())
    seconds = min(LINKEDIN_ACCESS_SECONDS, left)
    token = state.tokens.issue(grant.account, at, seconds, scopes=grant.scopes)
    return {
        "access_token": token.value,
        "expires_in": seconds,
        "refresh_token": grant.refresh_token,
        "refresh_token_expires_in": left,
        "scope": ",".join(sorted(token.granted)) or "r_organization_social,rw_organization_admin",
    }


def _linkedin_introspection(state: SandboxState, request: Request) -> dict[str, Any]:
    token = state.tokens.find("linkedin", request.form.get("token"))
    if token is None:
        return {"active": False}
    condition = token.state_at(request.at)
    issued = int((token.issued_at or state.started_at).timestamp())
    known = {
        "active": condition == "valid",
        "client_id": state.world.oauth.client_id,
        "authorized_at": issued,
        "created_at": issued,
        "status": {"valid": "active"}.get(condition, condition),
        "scope": ",".join(sorted(token.granted)),
        "auth_type": "3L",
    }
    return known | ({"expires_at": int(token.expires_at.timestamp())} if token.expires_at else {})


def twitter(state: SandboxState, request: Request) -> Reply:
    """The consent page and token endpoints below /twitter."""
    try:
        match request.method, request.path:
            case "GET", "/i/oauth2/authorize":
                if "code_challenge" not in request.params:
                    raise OAuthError(400, "invalid_request", "Missing required parameter [code_challenge].")
                if len(request.params.get("state", "")) > TWITTER_STATE_LENGTH:
                    raise OAuthError(400, "invalid_request", "Value passed for the state was invalid.")
                return _consent(state, request, request.params)
            case "POST", "/2/oauth2/token":
                _twitter_client(state, request)
                return reply(200, _twitter_token(state, request))
            case "POST", "/2/oauth2/revoke":
                _twitter_client(state, request)
                if token := state.tokens.find("twitter", request.form.get("token")):
                    token.state = "revoked"
                elif grant := _twitter_grant(state, request.form.get("token", "")):
                    grant.revoked = True
                return reply(200, {"revoked": True})
            case "POST", "/oauth2/token":
                _twitter_client(state, request)
                if request.form.get("grant_type") != "client_credentials":
                    raise OAuthError(400, "invalid_request", "Missing required parameter [grant_type].")
                return reply(200, {"token_type": "bearer", "access_token": state.world.twitter.app_token})
            case _:
                return reply(404, None)
    except OAuthError as error:
        return reply(error.status, error.body)


def _twitter_client(state: SandboxState, request: Request) -> None:
    """A confidential client shows its Basic header; one without secret names itself in the form."""
    app = state.world.oauth
    if not app.client_secret:
        if request.form.get("client_id") != app.client_id:
            raise OAuthError(400, "invalid_request", "Missing required parameter [client_id].")
        return
    basic = base64.b64encode(f"{app.client_id}:{app.client_secret}".encode()).decode()
    if request.headers.get("authorization", "") != f"Basic {basic}":
        raise OAuthError(401, "unauthorized_client", "Missing valid authorization header")


def _twitter_token(state: SandboxState, request: Request) -> dict[str, Any]:
    form = request.form
    if form.get("grant_type") == "authorization_code":
        code = state.tokens.take_code(_required(form, "code"))
        late = code is None or request.at - code.issued_at > timedelta(seconds=TWITTER_CODE_SECONDS)
        if code is None or late or code.redirect_uri != form.get("redirect_uri") or not _proves(code, form):
            raise OAuthError(400, "invalid_request", "Value passed for the authorization code was invalid.")
        if "offline.access" not in code.scope.split():
            token = state.tokens.issue(code.account, request.at, TWITTER_ACCESS_SECONDS, scopes=code.scopes)
            return _twitter_pair(token.value, code.scope)
        grant = state.tokens.grant(code, request.at + timedelta(days=TWITTER_REFRESH_DAYS))
    elif form.get("grant_type") == "refresh_token":
        grant = _twitter_refresh(state, request, _required(form, "refresh_token"))
    else:
        raise OAuthError(400, "invalid_request", "Missing required parameter [grant_type].")
    token = state.tokens.issue(grant.account, request.at, TWITTER_ACCESS_SECONDS, scopes=grant.scopes)
    grant.access_token = token.value
    scope = " ".join(sorted(grant.scopes)) if grant.scopes else "users.read tweet.read offline.access"
    return _twitter_pair(token.value, scope) | {"refresh_token": grant.refresh_token}


def _twitter_pair(access_token: str, scope: str) -> dict[str, Any]:
    return {
        "token_type": "bearer",
        "expires_in": TWITTER_ACCESS_SECONDS,
        "access_token": access_token,
        "scope": scope,
    }


def _twitter_refresh(state: SandboxState, request: Request, text: str) -> Grant:
    """Uses a refresh token up. One that was used before kills every token of its account."""
    grant = _twitter_grant(state, text)
    if grant is not None and text in grant.spent:
        grant.revoked = True
        state.tokens.revoke_all(grant.account)
    if grant is None or grant.revoked or request.at >= grant.expires_at:
        raise OAuthError(400, "invalid_request", "Value passed for the token was invalid.")
    state.tokens.rotate(grant)
    return grant


def _twitter_grant(state: SandboxState, refresh_token: str) -> Grant | None:
    end = state.started_at + timedelta(days=TWITTER_REFRESH_DAYS)
    return state.tokens.find_grant("twitter", refresh_token, state.world, end)


def _proves(code: Code, form: Mapping[str, str]) -> bool:
    verifier = form.get("code_verifier", "")
    if code.challenge_method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return verifier == code.challenge


def _required(form: Mapping[str, str], name: str) -> str:
    if not form.get(name):
        raise OAuthError(400, "invalid_request", f'A required parameter "{name}" is missing')
    return form[name]


def meta_consent(state: SandboxState, request: Request) -> Reply:
    """The consent pages of www.facebook.com and www.instagram.com."""
    try:
        return _consent(state, request, request.params)
    except OAuthError as error:
        return reply(error.status, error.body)


def _consent(state: SandboxState, request: Request, params: Mapping[str, str]) -> Reply:
    for name in ("client_id", "redirect_uri", "scope", "state"):
        _required(params, name)
    if params.get("response_type") != "code" or params["client_id"] != state.world.oauth.client_id:
        raise OAuthError(400, "invalid_request", "Value passed for the client or response type was invalid.")
    code = Code(
        account=_consenting(state, request),
        redirect_uri=params["redirect_uri"],
        scope=params["scope"],
        issued_at=request.at,
        challenge=params.get("code_challenge", ""),
        challenge_method=params.get("code_challenge_method", "plain"),
    )
    back = urlencode({"code": state.tokens.add_code(code), "state": params["state"]})
    joint = "&" if "?" in code.redirect_uri else "?"
    return Reply(302, b"", {"location": f"{code.redirect_uri}{joint}{back}"})


def _consenting(state: SandboxState, request: Request) -> Account:
    wanted = request.params.get("sandbox_account")
    for account in state.world.accounts_of(request.platform):
        if wanted in (None, account.external_id):
            return account
    raise OAuthError(400, "invalid_request", "The sandbox has no such account.")
