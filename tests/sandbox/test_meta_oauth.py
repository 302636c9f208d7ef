"""The token endpoints of Meta: a person's token, long-lived ones, Page tokens without end, Instagram's 60 days."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from analytics_pipeline.sandbox.model import Account, InstagramSettings, World
from tests.sandbox.graph_client import PAGE, Client, page, serving

DAY = 86_400
LONG = 5_183_944
OWN = "17841400000000002"
BACK = "http://localhost/back"
APP = {"client_id": "sandbox-client", "client_secret": "sandbox-secret"}
EXCHANGE = {"grant_type": "fb_exchange_token", **APP}
REFRESH = {"grant_type": "ig_refresh_token"}


@pytest.fixture
def facebook() -> Iterator[Client]:
    """A person with two Pages, one of which has lost its token, and a stranger's Page; calls carry no token."""
    accounts = [
        page(refresh_token="person"),
        page(external_id="2", access_token="old", token_state="expired", refresh_token="person"),
        page(external_id="30", access_token="stranger", refresh_token="other", token_state="password_changed"),
    ]
    with serving(World(accounts=accounts), token=None) as client:
        yield client


@pytest.fixture
def instagram() -> Iterator[Client]:
    """An account with Instagram login, one with Facebook login; the address of what carries no version."""
    accounts = [
        Account("instagram", OWN, "Own", access_token="own", login="instagram"),
        Account("instagram", "178", "Linked", access_token="linked", page_id=PAGE),
        page(),
    ]
    with serving(World(accounts=accounts), "instagram", token=None) as client:
        client.base = client.base.removesuffix("/v25.0")
        yield client


def pages(client: Client, person: str) -> dict[str, str]:
    """The Page tokens that a person's token brings."""
    return {each["id"]: each["access_token"] for each in client.json("me/accounts", access_token=person)["data"]}


def subcode(client: Client, path: str, token: str) -> int:
    subcode: int = client.error(path, access_token=token)[1]["error_subcode"]
    return subcode


def code_of(client: Client, path: str, **query: str) -> str:
    query = {"response_type": "code", "client_id": "sandbox-client", "redirect_uri": BACK, "state": "s", **query}
    answer = requests.get(client.base + path, params={"scope": "a,b", **query}, allow_redirects=False, timeout=5)
    assert answer.status_code == 302
    return parse_qs(urlsplit(answer.headers["location"]).query)["code"][0]


class TestFacebook:
    def test_an_exchange_gives_sixty_days_and_page_tokens_without_end(self, facebook: Client) -> None:
        answer = facebook.json("oauth/access_token", fb_exchange_token="person", **EXCHANGE)
        assert (answer["token_type"], answer["expires_in"]) == ("bearer", LONG)
        long = answer["access_token"]
        tokens = pages(facebook, long)
        assert tokens.keys() == {PAGE, "2"}, "the stranger's Page is not this person's"
        assert tokens[PAGE] == "page-token"
        assert subcode(facebook, "2", "old") == 463
        facebook.sandbox.clock.advance(LONG)
        assert subcode(facebook, "me/accounts", long) == 463
        assert facebook.json("2", fields="name", access_token=tokens["2"])["id"] == "2", "this one has no end"

    def test_an_expired_token_cannot_be_exchanged(self, facebook: Client) -> None:
        long = facebook.json("oauth/access_token", fb_exchange_token="person", **EXCHANGE)["access_token"]
        facebook.sandbox.clock.advance(LONG)
        status, error = facebook.error("oauth/access_token", fb_exchange_token=long, **EXCHANGE)
        assert (status, error["code"], error["error_subcode"]) == (401, 190, 463)

    def test_a_code_gives_a_short_token_and_page_tokens_that_end_with_it(self, facebook: Client) -> None:
        code = code_of(facebook, "/dialog/oauth", sandbox_account="2")
        exchange = {**APP, "redirect_uri": BACK, "code": code}
        short = facebook.json("oauth/access_token", **exchange)
        assert short["expires_in"] == 5400
        assert facebook.error("oauth/access_token", **exchange)[1]["code"] == 100, "a code is good once"
        of_page = pages(facebook, short["access_token"])["2"]
        long = facebook.json("oauth/access_token", fb_exchange_token=short["access_token"], **EXCHANGE)
        assert long["expires_in"] == LONG
        facebook.sandbox.clock.advance(5400)
        assert subcode(facebook, "2", of_page) == 463
        assert subcode(facebook, "me/accounts", short["access_token"]) == 463
        assert pages(facebook, long["access_token"]).keys() == {PAGE, "2"}

    def test_a_new_password_ends_the_persons_token_as_well(self, facebook: Client) -> None:
        assert facebook.error("oauth/access_token", fb_exchange_token="other", **EXCHANGE)[1]["error_subcode"] == 460

    def test_who_must_not_exchange(self, facebook: Client) -> None:
        guess = {**EXCHANGE, "client_secret": "guess"}
        assert facebook.error("oauth/access_token", fb_exchange_token="person", **guess)[1]["code"] == 101
        assert facebook.error("oauth/access_token", fb_exchange_token="nobody", **EXCHANGE)[1]["code"] == 190
        logged = "".join(record.query for record in facebook.sandbox.requests)
        assert "person" not in logged
        assert "sandbox-secret" not in logged


class TestInstagram:
    def user_id(self, client: Client, token: str) -> str:
        user_id: str = client.json("v25.0/me", fields="user_id", access_token=token)["user_id"]
        return user_id

    def refusal(self, client: Client, path: str, **params: str) -> dict[str, Any]:
        answer = client.get(path, **params)
        assert answer.status_code in (400, 401)
        body: dict[str, Any] = answer.json()
        return body

    def test_a_token_is_refreshed_for_60_days(self, instagram: Client) -> None:
        first = instagram.json("refresh_access_token", access_token="own", **REFRESH)
        assert (first["token_type"], first["expires_in"]) == ("bearer", 60 * DAY)
        assert self.user_id(instagram, first["access_token"]) == OWN
        young = self.refusal(instagram, "refresh_access_token", access_token=first["access_token"], **REFRESH)
        assert (young["error_type"], young["code"]) == ("OAuthException", 400)
        assert "24 hours" in young["error_message"]
        instagram.sandbox.clock.advance(DAY)
        second = instagram.json("refresh_access_token", access_token=first["access_token"], **REFRESH)["access_token"]
        instagram.sandbox.clock.advance(59 * DAY)
        assert subcode(instagram, "v25.0/me", first["access_token"]) == 463, "the first one is 60 days old"
        old = self.refusal(instagram, "refresh_access_token", access_token=first["access_token"], **REFRESH)
        assert "Session has expired" in old["error_message"]
        assert self.user_id(instagram, second) == OWN

    def test_a_code_gives_an_hour_which_is_exchanged_for_60_days(self, instagram: Client) -> None:
        code = code_of(instagram, "/oauth/authorize", sandbox_account=OWN)
        form = {**APP, "grant_type": "authorization_code", "redirect_uri": BACK, "code": code}
        short = requests.post(f"{instagram.base}/oauth/access_token", data=form, timeout=5).json()
        assert (short["user_id"], short["permissions"]) == (OWN, ["a", "b"])
        again = requests.post(f"{instagram.base}/oauth/access_token", data=form, timeout=5)
        assert again.json() == {
            "error_type": "OAuthException",
            "code": 400,
            "error_message": "Matching code was not found or was already used",
        }
        exchange = {"grant_type": "ig_exchange_token", "access_token": short["access_token"]}
        long = instagram.json("access_token", client_secret="sandbox-secret", **exchange)["access_token"]
        assert "secret" in self.refusal(instagram, "access_token", client_secret="guess", **exchange)["error_message"]
        instagram.sandbox.clock.advance(3600)
        assert subcode(instagram, "v25.0/me", short["access_token"]) == 463
        assert self.user_id(instagram, long) == OWN

    def test_tokens_of_facebook_login_are_none_of_this_hosts(self, instagram: Client) -> None:
        for token in ("linked", "page-token", "nobody"):
            body = self.refusal(instagram, "refresh_access_token", access_token=token, **REFRESH)
            assert "Invalid OAuth access token" in body["error_message"]

    def test_refusals_in_the_envelope_where_the_world_says_so(self) -> None:
        own = Account("instagram", OWN, "Own", access_token="own", login="instagram", token_state="expired")
        world = World(accounts=[own], instagram=InstagramSettings(token_errors_in_envelope=True))
        with serving(world, "instagram", token="own") as client:
            client.base = client.base.removesuffix("/v25.0")
            error = client.error("refresh_access_token", **REFRESH)[1]
            assert (error["type"], error["code"], error["error_subcode"]) == ("IGApiException", 190, 463)
