"""Meta's webhooks: handshake, subscriptions, signed events of each login, retries until they are dropped."""

import hmac
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from analytics_pipeline.sandbox.model import Account, World
from analytics_pipeline.sandbox.webhooks import LARGEST
from tests.sandbox.graph_client import NOW, PAGE, TOKEN, Client, page, serving

LINKED, OWN = "17841405822304914", "17841405822304999"
FEED = {"item": "reaction", "verb": "add", "reaction_type": "love", "post_id": f"{PAGE}_122", "from": {"name": "Zoë"}}
COMMENT = {"id": "178", "text": "love it"}


class Receiver:
    """A callback that keeps what it gets and answers `status`. It knows the verify token `secret`."""

    def __init__(self) -> None:
        self.status = 200
        self.got: list[tuple[dict[str, str], bytes]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
                right = query["hub.mode"] == "subscribe" and query["hub.verify_token"] == "secret"
                self.answer(200 if right else 403, query["hub.challenge"].encode())

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((dict(self.headers), body))
                self.answer(receiver.status, b"")

            def answer(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(body) for _, body in self.got]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    thread = threading.Thread(target=receiver.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()
    thread.join()


@pytest.fixture
def client(receiver: Receiver) -> Iterator[Client]:
    """A Page, the account linked to it and one with Instagram login; the callback is registered."""
    accounts = [
        page(),
        Account("instagram", LINKED, access_token="ig", page_id=PAGE),
        Account("instagram", OWN, access_token="IGAAown", login="instagram"),
    ]
    with serving(World(accounts=accounts)) as client:
        client.sandbox.webhooks.register(receiver.url, "secret")
        yield client


def subscribe(client: Client, platform: str, account: str, token: str, fields: str) -> tuple[int, Any]:
    address = f"{client.sandbox.url}/{platform}/v25.0/{account}/subscribed_apps"
    answer = client.http.post(address, data={"access_token": token, "subscribed_fields": fields}, timeout=5)
    return answer.status_code, answer.json()


def account_of(client: Client, platform: str, external_id: str) -> Account:
    account = client.sandbox.state.world.account(platform, external_id)
    assert account is not None
    return account


def test_a_callback_that_does_not_repeat_the_challenge_is_refused(client: Client, receiver: Receiver) -> None:
    with pytest.raises(ValueError, match="challenge"):
        client.sandbox.webhooks.register(receiver.url, "wrong")


def test_an_event_of_a_page_is_signed_over_its_raw_bytes(client: Client, receiver: Receiver) -> None:
    hooks, account = client.sandbox.webhooks, account_of(client, "facebook", PAGE)
    hooks.emit(account, [("feed", FEED)], NOW)
    assert hooks.deliver(NOW) == [], "nobody has subscribed"
    assert subscribe(client, "facebook", PAGE, TOKEN, "feed") == (200, {"success": True})
    assert client.json(f"{PAGE}/subscribed_apps")["data"][0]["subscribed_fields"] == ["feed"]
    hooks.emit(account, [("feed", FEED)], NOW)
    assert hooks.deliver(NOW) == [200]
    [(headers, body)] = receiver.got
    secret = client.sandbox.state.world.oauth.client_secret.encode()
    assert headers["X-Hub-Signature-256"] == f"sha256={hmac.new(secret, body, 'sha256').hexdigest()}"
    assert b'"Zo\\u00eb"' in body, "re-serialised, the signature would not fit"
    entry = {"id": PAGE, "time": int(NOW.timestamp()), "changes": [{"field": "feed", "value": FEED}]}
    assert receiver.bodies == [{"object": "page", "entry": [entry]}]
    assert hooks.deliver(NOW + timedelta(days=1)) == [], "taken once"


def test_each_login_has_a_shape_and_fields_of_its_own(client: Client, receiver: Receiver) -> None:
    hooks, time = client.sandbox.webhooks, int(NOW.timestamp())
    assert subscribe(client, "instagram", OWN, "IGAAown", "comments")[0] == 200
    assert subscribe(client, "instagram", OWN, "IGAAown", "story_insights")[0] == 400
    assert subscribe(client, "facebook", PAGE, TOKEN, "feed")[0] == 200
    for external_id in (OWN, LINKED):
        hooks.emit(account_of(client, "instagram", external_id), [("comments", COMMENT)], NOW)
    assert hooks.deliver(NOW) == [200, 200]
    of_own = {"id": OWN, "time": time, "field": "comments", "value": COMMENT}
    of_linked = {"id": LINKED, "time": time, "changes": [{"field": "comments", "value": COMMENT}]}
    assert receiver.bodies == [
        {"object": "instagram", "entry": [of_own]},
        {"object": "instagram", "entry": [of_linked]},
    ]


def test_me_cannot_be_subscribed(client: Client) -> None:
    status, body = subscribe(client, "instagram", "me", "IGAAown", "comments")
    assert (status, body["error"]["message"]) == (400, "Unsupported request - method type: post")


def test_a_page_needs_the_permission(receiver: Receiver) -> None:
    world = World(accounts=[page(token_state="missing_scope", scopes=frozenset({"pages_read_engagement"}))])
    with serving(world) as client:
        assert subscribe(client, "facebook", PAGE, TOKEN, "feed")[1]["error"]["code"] == 10


def test_what_is_not_taken_is_sent_again_ever_less_often_and_dropped_after_36_hours(
    client: Client, receiver: Receiver
) -> None:
    hooks = client.sandbox.webhooks
    subscribe(client, "facebook", PAGE, TOKEN, "feed")
    hooks.emit(account_of(client, "facebook", PAGE), [("feed", FEED)], NOW)
    receiver.status = 500
    sent = [n for n in range(3 * 24 * 60) if hooks.deliver(NOW + timedelta(minutes=n))]
    assert sent[:6] == [0, 1, 2, 7, 22, 82], "the first again at once: here, in the next minute"
    assert 24 * 60 < sent[-1] < 36 * 60
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert gaps == sorted(gaps)
    receiver.status = 200
    assert hooks.deliver(NOW + timedelta(days=9)) == []


def test_many_changes_come_in_deliveries_of_a_thousand(client: Client, receiver: Receiver) -> None:
    hooks = client.sandbox.webhooks
    subscribe(client, "facebook", PAGE, TOKEN, "feed")
    hooks.emit(account_of(client, "facebook", PAGE), [("feed", FEED)] * (LARGEST + 1), NOW)
    assert hooks.deliver(NOW) == [200, 200]
    assert [len(body["entry"][0]["changes"]) for body in receiver.bodies] == [LARGEST, 1]
