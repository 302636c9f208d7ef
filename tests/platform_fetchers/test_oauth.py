"""Token endpoints: against the sandbox what the documents promise, and every refusal and broken answer row by row."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
import requests

from analytics_pipeline import logs
from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PlatformAPIError,
    RateLimitError,
    TransientError,
    UnknownReplyError,
)
from analytics_pipeline.platform_fetchers.oauth import NOT_SET_UP, Credentials, Issued
from analytics_pipeline.sandbox.model import Account, ClockSettings, InstagramSettings, OAuthSettings, World
from analytics_pipeline.sandbox.server import SandboxServer
from tests.platform_fetchers.conftest import NOW
from tests.platform_fetchers.oauth_apps import ACCESS, APPS, PLATFORMS, REFRESH, SECRET, clock, held
from tests.platform_fetchers.platform_server import Answer, PlatformServer

Configure = Callable[..., None]

DAY = timedelta(days=1)


class TestAgainstTheSandbox:
    @pytest.fixture
    def sandbox(self, configure: Configure) -> Iterator[SandboxServer]:
        world = World(
            clock=ClockSettings("fixed", NOW),
            oauth=OAuthSettings("app", SECRET),
            accounts=[
                Account("linkedin", "7", access_token=ACCESS, refresh_token=REFRESH, token_state="expired"),
                Account("twitter", "7", access_token=ACCESS, refresh_token=REFRESH, token_state="expired"),
                Account("facebook", "7", access_token=ACCESS, refresh_token=REFRESH, token_state="expired"),
                *(Account("facebook", str(n), access_token=f"p{n}", refresh_token=REFRESH) for n in range(100, 250)),
                Account("instagram", "178", access_token=ACCESS, page_id="249"),
                Account("instagram", "179", access_token="own", login="instagram"),
            ],
        )
        with SandboxServer(world) as server:
            configure(**APPS, **server.environment)
            yield server

    def refreshed(self, sandbox: SandboxServer, platform: str, before: Credentials) -> Issued:
        return PLATFORMS[platform](sandbox.clock.now).refresh(before)

    def status(self, sandbox: SandboxServer, path: str, token: str) -> int:
        versions = {"LinkedIn-Version": "202608", "X-Restli-Protocol-Version": "2.0.0"}
        headers = {"Authorization": f"Bearer {token}", **versions}
        return requests.get(f"{sandbox.url}/{path}", headers=headers, timeout=5).status_code

    def test_linkedin_keeps_the_refresh_token_for_its_year(self, sandbox: SandboxServer) -> None:
        path = "linkedin/rest/organizationAcls?q=roleAssignee"
        assert self.status(sandbox, path, ACCESS) == 401
        issued = self.refreshed(sandbox, "linkedin", held())
        assert (issued.refresh_token, issued.expires_at) == (REFRESH, NOW + 60 * DAY)
        assert self.status(sandbox, path, issued.access_token) == 200
        sandbox.clock.advance(355 * 86_400)
        assert self.refreshed(sandbox, "linkedin", held()).expires_at == NOW + 365 * DAY, "shortened to what is left"
        sandbox.clock.advance(10 * 86_400)
        with pytest.raises(InvalidTokenError, match="An administrator of the page must log in"):
            self.refreshed(sandbox, "linkedin", held())

    @pytest.mark.parametrize("secret", [SECRET, None], ids=["confidential", "public"])
    def test_x_gives_a_new_pair_and_takes_each_once(
        self, sandbox: SandboxServer, configure: Configure, secret: str | None
    ) -> None:
        sandbox.state.world.oauth.client_secret = secret or ""
        configure(TWITTER_CLIENT_SECRET=secret)
        first = self.refreshed(sandbox, "twitter", held())
        assert first.expires_at == NOW + timedelta(hours=2)
        assert first.refresh_token not in (None, REFRESH)
        assert self.status(sandbox, "twitter/2/users/me", first.access_token) == 200
        with pytest.raises(InvalidTokenError, match=r"good for one use.* must log in at X"):
            self.refreshed(sandbox, "twitter", held())
        with pytest.raises(InvalidTokenError):  # the family is dead
            self.refreshed(sandbox, "twitter", held(refresh_token=first.refresh_token))

    def test_a_page_gets_a_token_without_end(self, sandbox: SandboxServer) -> None:
        issued = self.refreshed(sandbox, "facebook", held())
        assert issued.expires_at is None
        assert issued.refresh_token not in (None, REFRESH), "the person's long-lived one"
        sandbox.clock.advance(70 * 86_400)
        assert self.status(sandbox, "facebook/v25.0/7", ACCESS) == 401
        assert self.status(sandbox, "facebook/v25.0/7", issued.access_token) == 200
        with pytest.raises(InvalidTokenError, match="has expired"):
            self.refreshed(sandbox, "facebook", held(refresh_token=issued.refresh_token))

    def test_instagram_with_facebook_login_gets_that_of_its_page(self, sandbox: SandboxServer) -> None:
        assert self.refreshed(sandbox, "instagram", held("178")).access_token == "p249", (
            "on the second page of the list"
        )

    def test_without_the_role_on_the_page_somebody_must_consent(self, sandbox: SandboxServer) -> None:
        with pytest.raises(PermissionDeniedError, match="no role on its Page"):
            self.refreshed(sandbox, "facebook", held("999"))

    @pytest.mark.parametrize("envelope", [False, True], ids=["flat", "envelope"])
    def test_instagram_login_refreshes_the_token_itself(self, sandbox: SandboxServer, envelope: bool) -> None:
        sandbox.state.world.instagram = InstagramSettings(token_errors_in_envelope=envelope)
        first = self.refreshed(sandbox, "instagram", Credentials("179", "own"))
        assert first == Issued(first.access_token, None, NOW + 60 * DAY)
        with pytest.raises(RateLimitError) as young:
            self.refreshed(sandbox, "instagram", Credentials("179", first.access_token))
        assert young.value.retry_after == 86_400
        sandbox.clock.advance(60 * 86_400)
        with pytest.raises(InvalidTokenError, match="expired"):
            self.refreshed(sandbox, "instagram", Credentials("179", first.access_token))

    @pytest.mark.parametrize("platform", ["linkedin", "twitter", "facebook"])
    def test_a_wrong_secret_names_the_setting(
        self, sandbox: SandboxServer, configure: Configure, platform: str
    ) -> None:
        name = f"{platform.upper()}_CLIENT_SECRET"
        configure(**{name: "CANARY-other"})
        with pytest.raises(ConfigurationError, match=NOT_SET_UP) as caught:
            self.refreshed(sandbox, platform, held())
        assert name in caught.value.message
        assert "CANARY" not in caught.value.message

    def test_no_secret_in_the_log_of_requests(self, sandbox: SandboxServer, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)
        for platform in ("linkedin", "twitter", "facebook"):
            self.refreshed(sandbox, platform, held())
        assert "CANARY" not in "".join(record.query + record.path for record in sandbox.requests)
        assert "CANARY" not in caplog.text


OUTAGE = [Answer(status, json={"message": REFRESH}) for status in (500, 502, 503, 504)]
LATER = [
    *[pytest.param(answer, TransientError, id=str(answer.status)) for answer in OUTAGE],
    pytest.param(Answer(body=b"<html>CANARY</html>"), TransientError, id="html"),
    pytest.param(Answer(403, body=b"<html>CANARY</html>"), TransientError, id="gateway"),
    pytest.param(Answer(body=b'{"access_token": "CANARY'), TransientError, id="cut"),
    pytest.param(Answer(json=[ACCESS]), TransientError, id="list"),
    pytest.param(Answer(json={"access_token": "", "expires_in": 7200}), TransientError, id="empty token"),
    pytest.param(Answer(json={"access_token": "two words"}), TransientError, id="no token"),
    pytest.param(Answer(json={"access_token": 5}), TransientError, id="number"),
    pytest.param(Answer(json={"refresh_token": REFRESH}), TransientError, id="refresh token only"),
    pytest.param(Answer(302, headers={"Location": "http://elsewhere.invalid/"}), TransientError, id="redirect"),
    pytest.param(Answer(send=lambda wire, _: wire.close()), TransientError, id="reset"),
    pytest.param(Answer(418, json={"error": "teapot", "error_description": SECRET}), UnknownReplyError, id="unknown"),
]


class TestBrokenAnswers:
    @pytest.fixture
    def asked(self, server: PlatformServer, configure: Configure) -> Callable[[str, Answer], PlatformAPIError]:
        """What a refresh raises that is answered like this. It is sent once, whatever the answer."""
        configure(
            **APPS, **{f"{name.upper()}_BASE_URL": server.url for name in PLATFORMS}, LINKEDIN_OAUTH_URL=server.url
        )

        def ask(platform: str, answer: Answer) -> PlatformAPIError:
            server.script(answer)
            with pytest.raises(PlatformAPIError) as caught:
                PLATFORMS[platform](clock).refresh(held(refresh_token=None if platform == "instagram" else REFRESH))
            assert len(server.requests) == 1
            assert "CANARY" not in caught.value.message
            assert "CANARY" not in repr(caught.value)
            return caught.value

        return ask

    @pytest.mark.parametrize("platform", PLATFORMS)
    @pytest.mark.parametrize(("answer", "expected"), LATER)
    def test_nothing_is_settled_by_it(
        self, asked: Callable[..., PlatformAPIError], platform: str, answer: Answer, expected: type[PlatformAPIError]
    ) -> None:
        error = asked(platform, answer)
        if "418" in str(answer.status) and platform in ("facebook", "instagram"):
            expected = TransientError  # without Graph's envelope there is nothing to look up
        assert type(error) is expected

    @pytest.mark.parametrize(
        ("platform", "status", "body", "expected"),
        [
            ("linkedin", 400, ("invalid_request", "The provided authorization grant or refresh token is invalid, "
             "expired or revoked."), InvalidTokenError),
            ("linkedin", 400, ("invalid_request", 'A required parameter "redirect_uri" is missing'), ConfigurationError),
            ("linkedin", 401, ("invalid_client_id", "Client authentication failed"), ConfigurationError),
            ("linkedin", 401, ("invalid_client", "Client authentication failed"), ConfigurationError),
            ("twitter", 400, ("invalid_request", "Value passed for the token was invalid."), InvalidTokenError),
            ("twitter", 400, ("invalid_grant", ""), InvalidTokenError),
            ("twitter", 401, ("unauthorized_client", "Missing valid authorization header"), ConfigurationError),
            ("twitter", 400, ("invalid_request", "Missing required parameter [client_id]."), ConfigurationError),
            ("twitter", 403, ("access_denied", ""), ConfigurationError),
        ],
    )  # fmt: skip
    def test_refusals_of_a_refresh_token_grant(
        self,
        asked: Callable[..., PlatformAPIError],
        platform: str,
        status: int,
        body: tuple[str, str],
        expected: type[PlatformAPIError],
    ) -> None:
        said = {"error": body[0], "error_description": f"{body[1]} {ACCESS} {REFRESH} {SECRET}"}
        error = asked(platform, Answer(status, json=said))
        assert type(error) is expected
        assert (NOT_SET_UP in error.message) == (expected is ConfigurationError)

    @pytest.mark.parametrize(
        ("code", "subcode", "expected"),
        [
            (190, 458, InvalidTokenError), (190, 460, InvalidTokenError), (190, 463, InvalidTokenError),
            (190, 467, InvalidTokenError), (190, None, InvalidTokenError), (10, None, PermissionDeniedError),
            (200, None, PermissionDeniedError), (4, None, RateLimitError), (17, None, RateLimitError),
            (1, None, TransientError), (2, None, TransientError), (99_999, None, UnknownReplyError),
            (100, 33, InvalidTokenError), (803, None, InvalidTokenError),  # it is no post that is asked about
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("platform", ["facebook", "instagram"])
    def test_refusals_of_graph(
        self,
        asked: Callable[..., PlatformAPIError],
        platform: str,
        code: int,
        subcode: int | None,
        expected: type[PlatformAPIError],
    ) -> None:
        envelope = {"message": f"no {ACCESS}", "code": code, "error_subcode": subcode}
        assert type(asked(platform, Answer(400, json={"error": envelope}))) is expected

    def test_the_token_of_a_page_is_that_of_nobody_who_has_pages(self, asked: Callable[..., PlatformAPIError]) -> None:
        said = "(#100) Tried accessing nonexisting field (accounts) on node type (Page)"
        error = asked("facebook", Answer(400, json={"error": {"message": said, "code": 100}}))
        assert isinstance(error, InvalidTokenError)
        assert "Connect the account again" in error.message

    def test_a_throttle_outside_of_graphs_envelope_is_one(self, asked: Callable[..., PlatformAPIError]) -> None:
        said = {"error_type": "OAuthRateLimitException", "code": 429, "error_message": "too many"}
        assert type(asked("instagram", Answer(429, json=said))) is RateLimitError

    def test_a_page_whose_token_the_person_does_not_get_needs_somebody_else(
        self, server: PlatformServer, configure: Configure
    ) -> None:
        configure(**APPS, FACEBOOK_BASE_URL=server.url)
        server.script(Answer(json={"access_token": "EAAperson"}), Answer(json={"data": [{"id": "7", "tasks": []}]}))
        with pytest.raises(PermissionDeniedError, match="no role on its Page"):
            PLATFORMS["facebook"](clock).refresh(held("7"))

    @pytest.mark.parametrize("code", [1, 101])
    def test_a_wrong_client_secret_is_no_passing_fault(self, asked: Callable[..., PlatformAPIError], code: int) -> None:
        envelope = {"message": "Error validating client secret.", "type": "OAuthException", "code": code}
        error = asked("facebook", Answer(400, json={"error": envelope}))
        assert isinstance(error, ConfigurationError)
        assert "FACEBOOK_CLIENT_SECRET" in error.message

    @pytest.mark.parametrize(
        ("platform", "headers", "seconds"),
        [
            ("linkedin", {}, 12 * 3600.0),  # the quota of refreshes is renewed at 00:00 UTC
            ("linkedin", {"Retry-After": "90"}, 90.0),
            ("twitter", {"Retry-After": "1.5"}, 1.5),
            ("twitter", {"x-rate-limit-reset": str(int(NOW.timestamp()) + 333)}, 334.0),
            ("twitter", {"x-rate-limit-reset": str(int(NOW.timestamp()) + 333), "Retry-After": "90"}, 90.0),
            ("twitter", {}, None),
            ("facebook", {"Retry-After": "nonsense"}, None),
        ],
    )
    def test_a_throttle_says_when(
        self, asked: Callable[..., PlatformAPIError], platform: str, headers: dict[str, str], seconds: float | None
    ) -> None:
        error = asked(platform, Answer(429, json={}, headers=headers))
        assert isinstance(error, RateLimitError)
        assert (error.status_code, error.retry_after) == (429, seconds)

    @pytest.mark.parametrize("platform", PLATFORMS)
    def test_an_outage_says_when_too(self, asked: Callable[..., PlatformAPIError], platform: str) -> None:
        error = asked(platform, Answer(503, json={}, headers={"Retry-After": "600"}))
        assert isinstance(error, TransientError)
        assert error.retry_after == 600.0

    def test_urls_with_secrets_stay_out_of_the_debug_lines(
        self, server: PlatformServer, configure: Configure, capsys: pytest.CaptureFixture[str]
    ) -> None:
        configure(**APPS, FACEBOOK_BASE_URL=server.url, INSTAGRAM_BASE_URL=server.url, LOG_LEVEL="DEBUG")
        server.script(Answer(500, json={}))
        root, ours = logging.getLogger(), logging.getLogger("analytics_pipeline")
        levels = root.level, ours.level
        logs.configure()
        try:
            for platform, refresh_token in (("facebook", REFRESH), ("instagram", None)):
                with pytest.raises(TransientError):
                    PLATFORMS[platform](clock).refresh(held(refresh_token=refresh_token))
        finally:
            for logger, level in zip((root, ours), levels, strict=True):
                logger.removeHandler(logs.HANDLER)
                logger.setLevel(level)
        written = capsys.readouterr().err
        assert "client_secret=[redacted]" in written, "the HTTP library writes every URL"
        assert "access_token=[redacted]" in written
        assert "CANARY" not in written
