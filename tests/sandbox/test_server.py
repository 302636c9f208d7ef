"""The server itself: start and stop, the world's clock, the log, scripted faults, control over HTTP, speed."""

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import requests

from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer

NOW = datetime(2018, 9, 20, 1, 40, tzinfo=UTC)
PATH = "/twitter/2/tweets?ids=1&tweet.fields=public_metrics"


def small_world() -> World:
    return World(
        name="small",
        clock=ClockSettings("fixed", NOW),
        accounts=[
            Account("twitter", "22", "Acme", "Acme Ltd", access_token="good"),
            Account("twitter", "23", "Other", "Other Ltd", access_token="other"),
        ],
        posts=[Post("twitter", "22", "1", NOW, text="hello " * 20)],
        observations=[Observation("twitter", "1", NOW, likes=7)],
    )


@pytest.fixture(scope="module")
def running() -> Iterator[SandboxServer]:
    with SandboxServer(small_world()) as server:
        yield server


@pytest.fixture
def sandbox(running: SandboxServer) -> Iterator[SandboxServer]:
    yield running
    running.clock.set(NOW)
    running.clear_requests()
    running.state.faults.clear()


def get(sandbox: SandboxServer, path: str = PATH, token: str = "good", seconds: float = 5) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(sandbox.url + path, headers=headers, timeout=seconds, allow_redirects=False)


class TestLife:
    def test_stopping_frees_the_port_and_the_thread(self) -> None:
        before = set(threading.enumerate())
        with SandboxServer(small_world()) as server:
            port = server.port
            kept_alive = requests.Session()
            assert kept_alive.get(f"{server.url}/_sandbox/health", timeout=5).json() == {"status": "ok"}
        assert set(threading.enumerate()) <= before, "threads of other tests may end meanwhile, none may be new"
        with SandboxServer(small_world(), port=port) as again:
            assert again.port == port
        kept_alive.close()

    def test_a_taken_port_is_refused_at_once(self, sandbox: SandboxServer) -> None:
        with pytest.raises(OSError, match="in use"):
            SandboxServer(small_world(), port=sandbox.port)

    def test_the_environment_points_at_every_platform(self, sandbox: SandboxServer) -> None:
        assert sandbox.environment == {
            "LINKEDIN_BASE_URL": f"{sandbox.url}/linkedin",
            "TWITTER_BASE_URL": f"{sandbox.url}/twitter",
            "FACEBOOK_BASE_URL": f"{sandbox.url}/facebook",
            "INSTAGRAM_BASE_URL": f"{sandbox.url}/instagram",
            "LINKEDIN_OAUTH_URL": f"{sandbox.url}/linkedin",
        }

    def test_other_paths_say_what_is_served(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, "/youtube/v3/videos")
        assert answer.status_code == 404
        assert "/linkedin" in answer.json()["error"]


class TestClock:
    def test_the_date_header_is_the_worlds_time(self, sandbox: SandboxServer) -> None:
        assert get(sandbox).headers["Date"] == "Thu, 20 Sep 2018 01:40:00 GMT"
        sandbox.clock.advance(90)
        assert get(sandbox).headers["Date"] == "Thu, 20 Sep 2018 01:41:30 GMT"

    def test_a_time_without_zone_is_refused(self, sandbox: SandboxServer) -> None:
        with pytest.raises(ValueError, match="time zone"):
            sandbox.clock.set(datetime(2018, 9, 20))  # noqa: DTZ001 - that is the point

    def test_a_real_clock_runs_on_from_its_start(self) -> None:
        world = small_world()
        world.clock = ClockSettings("real", NOW)
        with SandboxServer(world) as server:
            assert NOW <= server.clock.now() < NOW.replace(minute=41)


class TestLog:
    def test_every_request_is_kept_with_account_and_posts(self, sandbox: SandboxServer) -> None:
        get(sandbox)
        get(sandbox, "/twitter/2/tweets?ids=2", token="other")
        get(sandbox, token="nobody")
        first, second, third = sandbox.requests
        assert (first.platform, first.method, first.path) == ("twitter", "GET", "/2/tweets")
        assert (first.account, first.status, first.posts_returned, first.at) == ("22", 200, 1, NOW)
        assert (second.account, second.posts_returned) == ("23", 0)
        assert (third.account, third.status) == (None, 401)
        sandbox.clear_requests()
        assert sandbox.requests == []


class TestFaults:
    def test_a_status_has_the_platforms_own_body(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("status", status=429, retry_after="20")
        sandbox.script_fault("status", status=503)
        throttled, broken, fine = get(sandbox), get(sandbox), get(sandbox)
        assert (throttled.status_code, throttled.headers["Retry-After"]) == (429, "20")
        assert throttled.json()["title"] == "Too Many Requests"
        assert (broken.status_code, broken.json()["title"]) == (503, "Service Unavailable")
        assert fine.status_code == 200
        assert [record.fault for record in sandbox.requests] == ["status", "status", ""]

    @pytest.mark.parametrize(
        ("platform", "body"),
        [
            ("linkedin", {"status": 429, "serviceErrorCode": 101}),
            ("twitter", {"status": 429, "title": "Too Many Requests"}),
        ],
    )
    def test_a_429_without_retry_after(self, sandbox: SandboxServer, platform: str, body: dict[str, object]) -> None:
        sandbox.script_fault("status", platform=platform, status=429)
        answer = get(sandbox, f"/{platform}/anything")
        assert answer.status_code == 429
        assert "Retry-After" not in answer.headers
        assert body.items() <= answer.json().items()

    def test_an_exact_reply(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("reply", status=403, body='{"odd":1}', headers={"x-seen": "yes"})
        answer = get(sandbox)
        assert (answer.status_code, answer.json(), answer.headers["x-seen"]) == (403, {"odd": 1}, "yes")

    def test_html_with_200(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("html")
        answer = get(sandbox)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.text.startswith("<!DOCTYPE html>")

    def test_redirect_to_another_host(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("redirect")
        answer = get(sandbox)
        assert (answer.status_code, answer.headers["location"]) == (302, "http://redirected.invalid/")

    def test_reset(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("reset")
        with pytest.raises(requests.ConnectionError, match="reset by peer"):
            get(sandbox)
        assert [(record.status, record.fault) for record in sandbox.requests] == [(0, "reset")]
        assert get(sandbox).status_code == 200

    def test_cut_body(self, sandbox: SandboxServer) -> None:
        whole = get(sandbox).content
        sandbox.script_fault("cut_body")
        connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
        connection.request("GET", PATH, headers={"Authorization": "Bearer good"})
        answer = connection.getresponse()
        assert int(answer.headers["content-length"]) == len(whole)
        with pytest.raises(http.client.IncompleteRead) as broken:
            answer.read()
        assert broken.value.partial == whole[: len(whole) // 2]
        connection.close()

    def test_slow_body_keeps_the_header_but_not_the_rest(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("slow_body", seconds=30)
        with requests.get(
            sandbox.url + PATH, headers={"Authorization": "Bearer good"}, timeout=2, stream=True
        ) as answer:
            assert answer.status_code == 200
            with pytest.raises(requests.ConnectionError, match="timed out"):
                answer.content  # noqa: B018 - reading is what takes too long

    def test_slow_body_arrives_whole(self, sandbox: SandboxServer) -> None:
        whole = get(sandbox).content
        sandbox.script_fault("slow_body", seconds=0.05)
        assert get(sandbox).content == whole

    def test_delay(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("delay", seconds=30)
        with pytest.raises(requests.ReadTimeout):
            get(sandbox, seconds=0.2)

    def test_huge_body(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("huge_body", size=3_000_000)
        assert len(get(sandbox).content) > 3_000_000

    def test_selectors_times_and_skip(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("status", platform="twitter", external_id="22", path_contains="/2/tweets", times=2, skip=1)
        assert get(sandbox, token="other").status_code == 200
        assert get(sandbox, "/twitter/2/users/me").status_code == 200
        assert [get(sandbox).status_code for _ in range(4)] == [200, 503, 503, 200]

    def test_times_zero_is_for_ever(self, sandbox: SandboxServer) -> None:
        sandbox.script_fault("status", times=0)
        assert {get(sandbox).status_code for _ in range(5)} == {503}

    def test_faults_of_the_world_file(self) -> None:
        world = small_world()
        server = SandboxServer(world)
        server.script_fault("status", status=500)
        with server:
            assert get(server).status_code == 500

    def test_an_unknown_kind_is_refused_by_name(self, sandbox: SandboxServer) -> None:
        with pytest.raises(ValueError, match="earthquake"):
            sandbox.script_fault("earthquake")
        with pytest.raises(ValueError, match="sttus"):
            sandbox.script_fault("status", sttus=500)


class TestControl:
    def test_faults_clock_log_and_world(self, sandbox: SandboxServer) -> None:
        control = f"{sandbox.url}/_sandbox"
        assert requests.post(f"{control}/faults", json={"kind": "status", "status": 502}, timeout=5).status_code == 200
        assert get(sandbox).status_code == 502
        moved = requests.post(f"{control}/clock", json={"now": "2018-10-18T05:03:00Z"}, timeout=5).json()
        assert moved == {"now": "2018-10-18T05:03:00+00:00"}
        requests.post(f"{control}/clock", json={"advance_seconds": 60}, timeout=5)
        assert requests.get(f"{control}/clock", timeout=5).json() == {"now": "2018-10-18T05:04:00+00:00"}
        (record,) = requests.get(f"{control}/requests", timeout=5).json()["requests"]
        assert (record["status"], record["account"], record["fault"]) == (502, "22", "status")
        requests.delete(f"{control}/requests", timeout=5)
        assert sandbox.requests == []
        world = requests.get(f"{control}/world", timeout=5).json()
        assert (world["name"], world["posts"], world["businesses"]) == ("small", 1, ["Acme Ltd", "Other Ltd"])
        assert "good" not in str(world), "tokens are not shown"

    def test_billing(self, sandbox: SandboxServer) -> None:
        sandbox.state.billed.clear()
        get(sandbox)
        days = requests.get(f"{sandbox.url}/_sandbox/billing", timeout=5).json()["days"]
        assert days == {"2018-09-20": {"post_read": 1}}

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("clock", "{}"),
            ("clock", '{"now":"2018-01-01T00:00:00"}'),
            ("clock", "[]"),
            ("clock", "{"),
            ("faults", "{}"),
            ("clock", '{"advance_seconds":1e30}'),
            ("faults", '{"kind":"nothing"}'),
            ("faults", '{"kind":"html","platform":"x"}'),
            ("faults", '{"kind":"status","retry_after":20}'),
            ("faults", '{"kind":"status","status":999}'),
            ("faults", '{"kind":"status","times":"two"}'),
            ("faults", '{"kind":"status","skip":null}'),
            ("faults", '{"kind":"reply","body":{"odd":1}}'),
            ("faults", '{"kind":"reply","headers":"x-seen"}'),
        ],
    )
    def test_nonsense_is_400_with_a_reason(self, sandbox: SandboxServer, path: str, body: str) -> None:
        answer = requests.post(f"{sandbox.url}/_sandbox/{path}", data=body, timeout=5)
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert get(sandbox).status_code == 200, "what is refused hits nobody"


def test_a_thousand_requests_a_second(sandbox: SandboxServer) -> None:
    """Measured in CPU time of client and server together, so that a busy machine does not matter."""
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    connection.connect()
    assert connection.sock is not None
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    calls = 500
    started = time.process_time()
    for _ in range(calls):
        connection.request("GET", PATH, headers={"Authorization": "Bearer good"})
        assert connection.getresponse().read()
    spent = time.process_time() - started
    connection.close()
    assert calls / spent > 1_000
