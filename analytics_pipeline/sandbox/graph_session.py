"""Who is calling the Graph API: the token, what it may read, and the budget its calls are taken from.

Here: token states, scopes, rate limits and usage headers of both Meta platforms. Not here: nodes and answers.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Literal

from analytics_pipeline.sandbox.graph_errors import (
    GraphError,
    proof_refused,
    throttled,
    token_deauthorised,
    token_expired,
    token_logged_out,
    token_missing,
    token_password_changed,
    token_unreadable,
)
from analytics_pipeline.sandbox.limits import Allowance
from analytics_pipeline.sandbox.model import Account
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.tokens import Token, TokenStore


@dataclass(frozen=True, slots=True)
class Session:
    """A good token. `accounts` are all that it opens: a Page token its Page and the Instagram accounts linked to it,
    a user token (the `refresh_token` column of Pages, or a token that several accounts share) everything of the user.
    """

    token: str
    kind: Literal["page", "user", "instagram"]
    account: Account
    accounts: tuple[Account, ...]

    def opens(self, account: Account) -> bool:
        return any(each.key == account.key for each in self.accounts)


def open_session(state: SandboxState, platform: str, value: str | None, now: datetime) -> Session:
    """The session of a token. Raises GraphError 104 without one, 190 with its subcode for one that is not valid.

    A token of Instagram login is unknown to graph.facebook.com.
    """
    if not value:
        raise token_missing()
    world = state.world
    everyone = [each for each in world.accounts if each.platform in ("facebook", "instagram")]
    other = "facebook" if platform == "instagram" else "instagram"
    token = state.tokens.find(platform, value) or state.tokens.find(other, value)
    if token is None:
        direct = [each for each in everyone if each.platform == "facebook" and each.refresh_token == value]
        if not direct:
            raise token_unreadable()
        for page in direct:
            if page.token_state in ("revoked", "password_changed", "logged_out"):  # what ends all tokens of the person
                _refuse_dead(Token(value, page, page.token_state), now)
        return Session(value, "user", direct[0], _with_linked(direct, everyone))
    if token.person:
        _refuse_dead(token, now)
        owner = token.account
        same = [each for each in everyone if owner.refresh_token and each.refresh_token == owner.refresh_token]
        return Session(value, "user", owner, _with_linked(same or [owner], everyone))
    if token.account.login == "instagram":
        if platform == "facebook":
            raise token_unreadable()
        _refuse_dead(token, now)
        return Session(value, "instagram", token.account, (token.account,))
    _refuse_dead(token, now)
    direct = [each for each in everyone if each.access_token == value and each.login != "instagram"] or [token.account]
    pages = [each for each in direct if each.platform == "facebook"]
    return Session(value, "page" if len(pages) == 1 else "user", token.account, _with_linked(direct, everyone))


def check_proof(state: SandboxState, params: Mapping[str, str], token: str) -> None:
    """Raises GraphError #100 for an `appsecret_proof` that is wrong, or missing where the app demands it."""
    given = params.get("appsecret_proof")
    if given is None:
        if state.world.meta.require_app_secret:
            raise proof_refused("API calls from the server require an appsecret_proof argument")
        return
    proof = hmac.new(state.world.oauth.client_secret.encode(), token.encode(), "sha256").hexdigest()
    if not hmac.compare_digest(given.encode(), proof.encode()):
        raise proof_refused("Invalid appsecret_proof provided in the API argument")


def _with_linked(direct: list[Account], everyone: list[Account]) -> tuple[Account, ...]:
    pages = {each.external_id for each in direct if each.platform == "facebook"}
    linked = [
        each
        for each in everyone
        if each.platform == "instagram" and each.login != "instagram" and each.page_id in pages and each not in direct
    ]
    return (*direct, *linked)


def page_token(tokens: TokenStore, page: Account, person: str, now: datetime) -> str:
    """The Page's token as `me/accounts` tells it: that of the world; once it is dead, a new one.

    Made with a long-lived token of the person it has no end, with a short one it ends with that.
    """
    known = tokens.find("facebook", page.access_token)
    if known is not None and known.state_at(now) == "valid":
        return known.value
    of_person = tokens.find("facebook", person)
    end = of_person.expires_at if of_person is not None else None
    short = end is not None and end - now < _LONG_LIVED
    return tokens.issue(page, now, (end - now).total_seconds() if end and short else None).value


_LONG_LIVED = timedelta(days=1)
"""A person's token lives 1 to 2 hours, or about 60 days."""


def _refuse_dead(token: Token, now: datetime) -> None:
    match token.state_at(now):
        case "expired":
            raise token_expired(token.expires_at or now - timedelta(hours=1), now)
        case "revoked":
            raise token_deauthorised()
        case "password_changed":
            raise token_password_changed()
        case "logged_out":
            raise token_logged_out()


def granted(account: Account, *scopes: str) -> bool:
    """Whether an account's consent covers all of `scopes`."""
    return Token("", account, account.token_state).allows(*scopes)


def spend_call(state: SandboxState, session: Session, account: Account | None, now: datetime) -> dict[str, str]:
    """Takes one call from the budget and gives the usage headers: percentages that climb to 100.

    The bucket is that of the account read (Page token 80001, Instagram 80002), for a user token on a Page the
    user's (32), without an account the user's (17). Without a limit in the world there are no headers, as on an app
    with little traffic. Raises Throttled, with headers that name the minutes to wait, when nothing is left;
    they count from the last refused call (facebook.md section 6: calling while blocked prolongs the block).
    """
    owner = account or session.account
    allowance = state.limits.take_account(owner, now, prolonged=True)
    if allowance is None:
        return {}
    minutes = ceil((allowance.reset - now).total_seconds() / 60) if allowance.throttled else 0
    usage = _usage(allowance)
    business = {owner.external_id: [{"type": _bucket(owner), **usage, "estimated_time_to_regain_access": minutes}]}
    headers = {}
    if owner.platform == "instagram" or session.kind == "page":
        headers["x-business-use-case-usage"] = json.dumps(business)
        code = 80002 if owner.platform == "instagram" else 80001
    else:
        code = 32 if account is not None else 17
    if session.kind != "page":
        headers["x-app-usage"] = json.dumps(usage)
    if allowance.throttled:
        raise Throttled(throttled(code), headers)
    return headers


class Throttled(Exception):  # noqa: N818 - a refusal, carried with the headers that go with it
    """The budget is spent: the error to answer with, and the usage headers beside it."""

    def __init__(self, error: GraphError, headers: dict[str, str]) -> None:
        super().__init__(error.message)
        self.error, self.headers = error, headers


def _bucket(account: Account) -> str:
    return "instagram" if account.platform == "instagram" else "pages"


def _usage(allowance: Allowance) -> dict[str, int]:
    """Calls in percent of the budget; the two times follow at a quarter of it, so that calls are what throttles."""
    percent = 100 if allowance.throttled else 100 * (allowance.limit - allowance.remaining) // max(allowance.limit, 1)
    return {"call_count": percent, "total_cputime": percent // 4, "total_time": percent // 4}
