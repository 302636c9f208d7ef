"""The token endpoints of LinkedIn and X: lifetimes, rotation, PKCE, codes."""

import base64
import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from analytics_pipeline.sandbox.model import Account, ClockSettings, OAuthSettings, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.tokens import TokenStore

NOW = datetime(2026, 9, 10, tzinfo=UTC)
DAY = 86_400
CLIENT = {"client_id": "app", "client_secret": "secret"}
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
BACK = "http://localhost/back"


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    world = World(
        clock=ClockSettings("fixed", NOW),
        oauth=OAuthSettings("app", "secret"),
        accounts=[
            Account("linkedin", "101", access_token="old", refresh_token="keep", token_state="expired"),
            Account("twitter", "22", access_token="t-old", refresh_token="first", token_state="expired"),
            Account("twitter", "23", access_token="t-other", refresh_token=""),
            Account("twitter", "24", access_token="t-living", refresh_token="living"),
        ],
    )
    with SandboxServer(world) as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> SandboxServer:
    """The server with the tokens of its world, as if just started."""
    running.state.tokens = TokenStore(running.state.world)
    running.clock.set(NOW)
    running.clear_requests()
    return running


def linkedin(sandbox: SandboxServer, path: str = "accessToken", **form: str) -> requests.Response:
    return requests.post(f"{sandbox.url}/linkedin/oauth/v2/{path}", data=form, timeout=5)


def twitter(sandbox: SandboxServer, path: str = "/2/oauth2/token", **form: str) -> requests.Response:
    return requests.post(f"{sandbox.url}/twitter{path}", data=form, auth=("app", "secret"), timeout=5)


def linkedin_status(sandbox: SandboxServer, token: str) -> requests.Response:
    headers = {
        "Authorization": f"Bearer {token}",
        "LinkedIn-Version": "202608",
        "X-Restli-Protocol-Version": "2.0.0",
    }
    path = "/linkedin/rest/organizationAcls?q=roleAssignee"
    return requests.get(sandbox.url + path, headers=headers, timeout=5)


def twitter_status(sandbox: SandboxServer, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{sandbox.url}/twitter/2/users/me", headers=headers, timeout=5).status_code


def consent(sandbox: SandboxServer, path: str, **more: str) -> str:
    query = {"response_type": "code", "client_id": "app", "redirect_uri": BACK, "state": "s", "scope": "x", **more}
    answer = requests.get(sandbox.url + path, params=query, allow_redirects=False, timeout=5)
    assert answer.status_code == 302
    back = parse_qs(urlsplit(answer.headers["location"]).query)
    assert back["state"] == ["s"]
    return back["code"][0]


class TestLinkedIn:
    def test_the_refresh_token_stays_and_its_life_shrinks(self, sandbox: SandboxServer) -> None:
        first = linkedin(sandbox, grant_type="refresh_token", refresh_token="keep", **CLIENT).json()
        assert first["expires_in"] == 60 * DAY
        assert (first["refresh_token"], first["refresh_token_expires_in"]) == ("keep", 365 * DAY)
        sandbox.clock.advance(100 * DAY)
        second = linkedin(sandbox, grant_type="refresh_token", refresh_token="keep", **CLIENT).json()
        assert (second["refresh_token"], second["refresh_token_expires_in"]) == ("keep", 265 * DAY)
        assert linkedin_status(sandbox, second["access_token"]).status_code == 200
        assert linkedin_status(sandbox, first["access_token"]).json()["serviceErrorCode"] == 65602, "60 days are over"

    def test_in_the_last_days_the_access_token_gets_no_older_than_the_refresh_token(
        self, sandbox: SandboxServer
    ) -> None:
        sandbox.clock.advance(355 * DAY)
        assert linkedin(sandbox, grant_type="refresh_token", refresh_token="keep", **CLIENT).json()["expires_in"] == (
            10 * DAY
        )
        sandbox.clock.advance(10 * DAY)
        refused = linkedin(sandbox, grant_type="refresh_token", refresh_token="keep", **CLIENT)
        assert refused.status_code == 400
        assert refused.json() == {
            "error": "invalid_request",
            "error_description": "The provided authorization grant or refresh token is invalid, expired or revoked.",
        }

    def test_a_fresh_token_may_look_revoked_for_a_moment(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox.state.world.linkedin, "spurious_revocation_seconds", 5)
        token = linkedin(sandbox, grant_type="refresh_token", refresh_token="keep", **CLIENT).json()["access_token"]
        assert linkedin_status(sandbox, token).json()["serviceErrorCode"] == 65601
        sandbox.clock.advance(5)
        assert linkedin_status(sandbox, token).status_code == 200

    def test_a_token_may_do_what_was_consented_to_and_no_more(self, sandbox: SandboxServer) -> None:
        asked = "openid r_organization_social"
        code = consent(sandbox, "/linkedin/oauth/v2/authorization", scope=asked)
        pair = linkedin(sandbox, grant_type="authorization_code", code=code, redirect_uri=BACK, **CLIENT).json()
        again = linkedin(sandbox, grant_type="refresh_token", refresh_token=pair["refresh_token"], **CLIENT).json()
        for token in (pair, again):
            assert token["scope"] == "openid,r_organization_social"
            known = linkedin(sandbox, "introspectToken", token=token["access_token"], **CLIENT).json()
            assert known["scope"] == "openid,r_organization_social"
            refused = linkedin_status(sandbox, token["access_token"])
            assert (refused.status_code, refused.json()["code"]) == (403, "ACCESS_DENIED"), "that is of administrators"
        own = linkedin(sandbox, grant_type="refresh_token", refresh_token="keep", **CLIENT).json()
        assert linkedin_status(sandbox, own["access_token"]).status_code == 200, "the world's own consent was wider"

    def test_code_exchange_introspection_and_revocation(self, sandbox: SandboxServer) -> None:
        code = consent(sandbox, "/linkedin/oauth/v2/authorization", scope="rw_organization_admin")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, **CLIENT}
        token = linkedin(sandbox, **form).json()["access_token"]
        assert linkedin_status(sandbox, token).status_code == 200
        assert linkedin(sandbox, **form).status_code == 400, "a code is good once"
        known = linkedin(sandbox, "introspectToken", token=token, **CLIENT).json()
        assert (known["active"], known["status"]) == (True, "active")
        assert known["expires_at"] == int(NOW.timestamp()) + 60 * DAY
        assert linkedin(sandbox, "revoke", token=token, **CLIENT).status_code == 200
        assert linkedin_status(sandbox, token).json()["serviceErrorCode"] == 65601

    def test_wrong_client_and_missing_parameters(self, sandbox: SandboxServer) -> None:
        wrong = linkedin(sandbox, grant_type="refresh_token", refresh_token="keep", client_id="app", client_secret="no")
        assert wrong.status_code == 401
        assert wrong.json() == {"error": "invalid_client_id", "error_description": "Client authentication failed"}
        missing = linkedin(sandbox, grant_type="authorization_code", code="x", **CLIENT)
        assert missing.status_code == 400
        unknown = linkedin(sandbox, grant_type="refresh_token", refresh_token="other", **CLIENT)
        assert unknown.status_code == 400


class TestTwitter:
    def test_every_refresh_brings_a_new_pair_good_for_two_hours(self, sandbox: SandboxServer) -> None:
        assert twitter_status(sandbox, "t-old") == 401
        first = twitter(sandbox, grant_type="refresh_token", refresh_token="first").json()
        assert first["expires_in"] == 7200
        assert first["token_type"] == "bearer"
        assert first["refresh_token"] != "first"
        sandbox.clock.advance(7199)
        assert twitter_status(sandbox, first["access_token"]) == 200
        sandbox.clock.advance(1)
        assert twitter_status(sandbox, first["access_token"]) == 401
        second = twitter(sandbox, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
        assert twitter_status(sandbox, second["access_token"]) == 200

    def test_a_refresh_kills_the_access_token_before_it(self, sandbox: SandboxServer) -> None:
        given = twitter(sandbox, grant_type="refresh_token", refresh_token="living").json()
        assert [twitter_status(sandbox, token) for token in ("t-living", given["access_token"])] == [401, 200]
        after = twitter(sandbox, grant_type="refresh_token", refresh_token=given["refresh_token"]).json()
        old, new = given["access_token"], after["access_token"]
        assert [twitter_status(sandbox, token) for token in (old, new)] == [401, 200]
        pair = self.exchange(sandbox, self.code(sandbox)).json()
        renewed = twitter(sandbox, grant_type="refresh_token", refresh_token=pair["refresh_token"]).json()
        consented = (pair["access_token"], renewed["access_token"])
        assert [twitter_status(sandbox, token) for token in consented] == [401, 200]
        assert twitter_status(sandbox, "t-other") == 200, "which another consent has given"

    def test_a_used_refresh_token_kills_the_family(self, sandbox: SandboxServer) -> None:
        first = twitter(sandbox, grant_type="refresh_token", refresh_token="first").json()
        replayed = twitter(sandbox, grant_type="refresh_token", refresh_token="first")
        assert replayed.status_code == 400
        assert replayed.json() == {
            "error": "invalid_request",
            "error_description": "Value passed for the token was invalid.",
        }
        assert twitter_status(sandbox, first["access_token"]) == 401
        assert twitter(sandbox, grant_type="refresh_token", refresh_token=first["refresh_token"]).status_code == 400

    def exchange(self, sandbox: SandboxServer, code: str, verifier: str = VERIFIER) -> requests.Response:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": verifier}
        return twitter(sandbox, **form)

    def code(self, sandbox: SandboxServer, scope: str = "tweet.read users.read offline.access") -> str:
        proof = {"code_challenge": CHALLENGE, "code_challenge_method": "S256", "sandbox_account": "23"}
        return consent(sandbox, "/twitter/i/oauth2/authorize", scope=scope, **proof)

    def test_code_with_pkce(self, sandbox: SandboxServer) -> None:
        code = self.code(sandbox)
        pair = self.exchange(sandbox, code).json()
        me = requests.get(
            f"{sandbox.url}/twitter/2/users/me", headers={"Authorization": f"Bearer {pair['access_token']}"}, timeout=5
        )
        assert me.json()["data"]["id"] == "23"
        assert twitter(sandbox, grant_type="refresh_token", refresh_token=pair["refresh_token"]).status_code == 200
        assert self.exchange(sandbox, code).status_code == 400, "a code is good once"

    def test_a_token_may_do_what_was_consented_to_and_no_more(self, sandbox: SandboxServer) -> None:
        pair = self.exchange(sandbox, self.code(sandbox, scope="tweet.read offline.access")).json()
        for _ in range(2):
            assert set(pair["scope"].split()) == {"tweet.read", "offline.access"}
            assert twitter_status(sandbox, pair["access_token"]) == 403, "that takes users.read"
            pair = twitter(sandbox, grant_type="refresh_token", refresh_token=pair["refresh_token"]).json()

    def test_without_offline_access_there_is_no_refresh_token(self, sandbox: SandboxServer) -> None:
        assert "refresh_token" not in self.exchange(sandbox, self.code(sandbox, scope="tweet.read")).json()

    def test_a_wrong_verifier_is_refused(self, sandbox: SandboxServer) -> None:
        refused = self.exchange(sandbox, self.code(sandbox), verifier="guess")
        assert refused.status_code == 400
        assert refused.json()["error_description"] == "Value passed for the authorization code was invalid."

    def test_a_code_lives_thirty_seconds(self, sandbox: SandboxServer) -> None:
        in_time, late = self.code(sandbox), self.code(sandbox)
        sandbox.clock.advance(30)
        assert self.exchange(sandbox, in_time).status_code == 200
        sandbox.clock.advance(1)
        assert self.exchange(sandbox, late).status_code == 400

    def test_consent_without_pkce_is_refused(self, sandbox: SandboxServer) -> None:
        query = {"response_type": "code", "client_id": "app", "redirect_uri": BACK, "state": "s", "scope": "x"}
        answer = requests.get(f"{sandbox.url}/twitter/i/oauth2/authorize", params=query, timeout=5)
        assert answer.status_code == 400
        assert "code_challenge" in answer.json()["error_description"]

    def test_a_confidential_client_shows_its_basic_header(self, sandbox: SandboxServer) -> None:
        form = {"grant_type": "refresh_token", "refresh_token": "first", "client_id": "app"}
        answer = requests.post(f"{sandbox.url}/twitter/2/oauth2/token", data=form, timeout=5)
        assert answer.status_code == 401
        assert answer.json()["error"] == "unauthorized_client"

    def test_revocation_and_app_only_bearer(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        token = twitter(sandbox, grant_type="refresh_token", refresh_token="first").json()["access_token"]
        assert twitter(sandbox, "/2/oauth2/revoke", token=token).json() == {"revoked": True}
        assert twitter_status(sandbox, token) == 401
        monkeypatch.setattr(sandbox.state.world.twitter, "app_token", "AAAA")
        bearer = twitter(sandbox, "/oauth2/token", grant_type="client_credentials").json()
        assert bearer == {"token_type": "bearer", "access_token": "AAAA"}
        for form in ({}, {"grant_type": "authorization_code"}):
            assert twitter(sandbox, "/oauth2/token", **form).status_code == 400

    def test_a_revoked_refresh_token_brings_no_more(self, sandbox: SandboxServer) -> None:
        assert twitter(sandbox, "/2/oauth2/revoke", token="living").json() == {"revoked": True}
        assert twitter(sandbox, grant_type="refresh_token", refresh_token="living").status_code == 400

    def test_a_state_has_at_most_500_characters(self, sandbox: SandboxServer) -> None:
        query = {"response_type": "code", "client_id": "app", "redirect_uri": BACK, "scope": "x", "code_challenge": "c"}
        answers = [
            requests.get(
                f"{sandbox.url}/twitter/i/oauth2/authorize",
                params={**query, "state": "s" * length},
                allow_redirects=False,
                timeout=5,
            )
            for length in (500, 501)
        ]
        assert [answer.status_code for answer in answers] == [302, 400]


def test_no_secret_reaches_the_log(sandbox: SandboxServer) -> None:
    requests.get(f"{sandbox.url}/twitter/2/users/me?access_token=t-old&x=1", timeout=5)
    (record,) = sandbox.requests
    assert record.query == "access_token=...&x=1"
    assert (record.account, record.status) == ("22", 401)
