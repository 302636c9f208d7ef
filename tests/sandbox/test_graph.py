"""What both Meta hosts share in the sandbox: batches, versions, limits and usage headers, scripted faults."""

import hmac
import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from analytics_pipeline.sandbox.model import Account, Observation, World
from tests.sandbox.graph_client import PAGE, TOKEN, Client, at, page, page_post, serving


def world(**account: Any) -> World:
    return World(
        accounts=[
            page(**account),
            Account("instagram", "1784", access_token="ig-page", page_id=PAGE, login="facebook", rate_limit_after=4),
            Account("instagram", "1785", access_token="ig-own", login="instagram"),
        ],
        posts=[page_post(n, at(1, n % 24)) for n in range(60)],
        observations=[Observation("facebook", f"{PAGE}_{n}", at(2), impressions=n) for n in range(60)],
    )


# --- batches


def test_batch_in_order_with_string_bodies() -> None:
    with serving(world()) as client:
        urls = [f"{PAGE}_{n}/insights?metric=post_media_view" for n in range(48)]
        answer = client.batch(*urls, f"v25.0/{PAGE}_99?fields=id", f"/{PAGE}_7?fields=id")
        assert answer.status_code == 200
        entries = answer.json()
        values = [json.loads(entry["body"])["data"][0]["values"][0]["value"] for entry in entries[:48]]
        assert values == list(range(48))
        assert [entry["code"] for entry in entries[48:]] == [400, 200]
        assert json.loads(entries[48]["body"])["error"]["error_subcode"] == 33
        assert json.loads(entries[49]["body"]) == {"id": f"{PAGE}_7"}
        headers = {each["name"]: each["value"] for each in entries[0]["headers"]}
        assert headers["Content-Type"] == "text/javascript; charset=UTF-8"
        assert headers["Facebook-API-Version"] == client.base.rsplit("/", 1)[1], "the version of the batch"
        (record,) = client.sandbox.requests
        assert (record.method, record.calls, record.posts_returned, record.account) == ("POST", 50, 48, PAGE)


def test_the_log_keeps_a_batch_without_its_tokens() -> None:
    with serving(world()) as client:
        client.batch(f"{PAGE}_1?fields=id&access_token={TOKEN}", f"{PAGE}_2?access_token={TOKEN}&fields=id")

        (record,) = client.sandbox.requests
        form = parse_qs(record.form)
        urls = [entry["relative_url"] for entry in json.loads(form["batch"][0])]
        assert urls == [f"{PAGE}_1?fields=id&access_token=...", f"{PAGE}_2?access_token=...&fields=id"]
        assert form["access_token"] == ["..."]
        assert TOKEN not in record.form


def test_batch_without_headers_under_a_version() -> None:
    with serving(world()) as client:
        form = {
            "batch": json.dumps([{"method": "GET", "relative_url": f"{PAGE}_1?fields=id"}]),
            "include_headers": "false",
        }
        answer = client.http.post(client.base, data={"access_token": TOKEN, **form}, timeout=5)
        assert answer.headers["facebook-api-version"] == client.base.rsplit("/", 1)[1], "the batch's version counts"
        assert answer.json() == [{"code": 200, "body": json.dumps({"id": f"{PAGE}_1"}, separators=(",", ":"))}]


@pytest.mark.parametrize(
    ("batch", "text"),
    [
        (json.dumps([{"method": "GET", "relative_url": "me"}] * 51), "Maximum batch size is 50"),
        ("[]", "at least one request"),
        ("{", "must be an array"),
        ('{"method":"GET"}', "must be an array"),
        ("[1]", "must be an array"),
    ],
)
def test_refused_batches(batch: str, text: str) -> None:
    with serving(world()) as client:
        answer = client.http.post(f"{client.base}/", data={"access_token": TOKEN, "batch": batch}, timeout=5)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == 100
        assert text in answer.json()["error"]["message"]


def test_batch_needs_a_token_of_its_own() -> None:
    with serving(world(), token=None) as client:
        assert client.batch(f"me?access_token={TOKEN}").json()["error"]["code"] == 104
        client.token = "nonsense"
        mixed = client.batch("me", f"me?access_token={TOKEN}").json()
        assert [entry["code"] for entry in mixed] == [400, 200]


def test_an_app_may_demand_a_proof_of_its_secret() -> None:
    demanding = world()
    demanding.meta.require_app_secret = True
    with serving(demanding) as client:
        assert client.error(PAGE)[1]["message"] == "API calls from the server require an appsecret_proof argument"
        secret = demanding.oauth.client_secret.encode()
        proof = hmac.new(secret, TOKEN.encode(), "sha256").hexdigest()
        assert client.json(PAGE, appsecret_proof=proof)["id"] == PAGE
        own_token = f"{PAGE}?access_token=ig-page"
        entries = client.batch(PAGE, own_token, appsecret_proof=proof).json()
        assert [entry["code"] for entry in entries] == [200, 400], (
            "an entry with a token of its own needs its own proof"
        )
        assert all("..." in record.query + record.form for record in client.sandbox.requests[1:])
        assert not any(proof in record.query + record.form for record in client.sandbox.requests)


def test_only_reading() -> None:
    with serving(world()) as client:
        entries = json.dumps([{"method": "DELETE", "relative_url": f"{PAGE}_1"}])
        answer = client.http.post(f"{client.base}/", data={"access_token": TOKEN, "batch": entries}, timeout=5)
        assert json.loads(answer.json()[0]["body"])["error"]["message"] == "Unsupported request - method type: delete"
        assert (
            client.http.post(f"{client.base}/{PAGE}/feed", data={"access_token": TOKEN}, timeout=5).status_code == 400
        )


def test_scripted_entries() -> None:
    with serving(world()) as client:
        client.sandbox.script_fault("delay", path_contains=f"{PAGE}_2")
        client.sandbox.script_fault("status", path_contains=f"{PAGE}_3", status=500)
        client.sandbox.script_fault("reply", path_contains=f"{PAGE}_4", status=400, body='{"error":{"code":613}}')
        urls = [f"{PAGE}_{n}?fields=id" for n in (1, 2, 3, 4)]
        entries = client.batch(*urls).json()
        assert entries[1] is None
        assert [entry["code"] for entry in entries if entry] == [200, 500, 400]
        assert json.loads(entries[2]["body"])["error"]["is_transient"] is True
        assert entries[3]["body"] == '{"error":{"code":613}}'
        assert all(entry["code"] == 200 for entry in client.batch(*urls).json())


# --- versions


@pytest.mark.parametrize(
    ("asked", "answering"), [("v25.0", "v25.0"), ("v26.0", "v26.0"), ("v18.0", "v21.0"), ("v19.0", "v21.0")]
)
def test_expired_versions_are_answered_by_the_oldest_usable_one(asked: str, answering: str) -> None:
    with serving(world(), version=asked) as client:
        answer = client.get(PAGE)
        assert answer.json()["id"] == PAGE
        assert answer.headers["facebook-api-version"] == answering
        assert client.get(f"{PAGE}_99").headers["facebook-api-version"] == answering


def test_no_version_and_no_such_version() -> None:
    with serving(world()) as client:
        client.base = client.base.removesuffix("/v25.0")
        assert client.get(PAGE).headers["facebook-api-version"] == "v26.0"
        assert client.error(f"v99.0/{PAGE}")[1]["message"] == f"Unknown path components: /v99.0/{PAGE}"
        assert client.error(f"v25.0/v25.0/{PAGE}")[1]["message"] == f"Unknown path components: /{PAGE}"


def test_links_name_the_answering_version() -> None:
    with serving(world(), version="v19.0") as client:
        assert "/facebook/v21.0/" in client.json(f"{PAGE}/posts", limit=1)["paging"]["next"]


# --- limits


def usage(client: Client, path: str, header: str) -> Any:
    return json.loads(client.get(path).headers[header])


def test_usage_climbs_until_the_page_is_throttled() -> None:
    with serving(world(rate_limit_after=5, rate_limit_seconds=3000.0)) as client:
        seen = [usage(client, PAGE, "x-business-use-case-usage")[PAGE][0] for _ in range(5)]
        assert [each["call_count"] for each in seen] == [20, 40, 60, 80, 100]
        assert {each["type"] for each in seen} == {"pages"}
        assert {each["estimated_time_to_regain_access"] for each in seen} == {0}
        client.sandbox.clock.advance(60)
        status, error = client.error(PAGE)
        assert (status, error["code"], error["type"]) == (400, 80001, "OAuthException")
        assert error["message"].startswith("(#80001) There have been too many calls to this Page account. Wait a bit")
        blocked = usage(client, PAGE, "x-business-use-case-usage")[PAGE][0]
        assert blocked["call_count"] == 100
        assert blocked["estimated_time_to_regain_access"] == 50, "minutes, from the last refused call"
        client.sandbox.clock.advance(3000)
        assert client.json(PAGE)["id"] == PAGE


@pytest.mark.parametrize("once", [False, True])
def test_calling_while_blocked_prolongs_the_block(once: bool) -> None:
    with serving(world(rate_limit_after=1, rate_limit_seconds=600.0, rate_limit_once=once)) as client:
        assert client.json(PAGE)["id"] == PAGE
        for _ in range(3):
            blocked = client.get(PAGE)
            assert blocked.json()["error"]["code"] == 80001
            (told,) = json.loads(blocked.headers["x-business-use-case-usage"])[PAGE]
            assert told["estimated_time_to_regain_access"] == 10
            client.sandbox.clock.advance(590)
        client.sandbox.clock.advance(10)
        assert client.json(PAGE)["id"] == PAGE


def test_every_entry_of_a_batch_counts() -> None:
    with serving(world(rate_limit_after=5, rate_limit_seconds=600.0)) as client:
        answer = client.batch(*[f"{PAGE}_{n}?fields=id" for n in range(7)])
        assert [entry["code"] for entry in answer.json()] == [200] * 5 + [400] * 2
        assert json.loads(answer.json()[6]["body"])["error"]["code"] == 80001
        outer = json.loads(answer.headers["x-business-use-case-usage"])[PAGE][0]
        assert (outer["call_count"], outer["estimated_time_to_regain_access"]) == (100, 10)
        inner = {each["name"]: each["value"] for each in answer.json()[0]["headers"]}
        assert json.loads(inner["X-Business-Use-Case-Usage"])[PAGE][0]["call_count"] == 20


def test_user_tokens_have_a_budget_of_another_kind() -> None:
    with serving(world(refresh_token="user", rate_limit_after=2, rate_limit_seconds=60.0), token="user") as client:
        assert usage(client, PAGE, "x-app-usage")["call_count"] == 50
        assert "x-business-use-case-usage" not in client.get("me").headers
        assert client.error(PAGE)[1]["code"] == 32
        assert client.error("me/accounts")[1]["code"] == 17


def test_instagram_has_its_own_budget() -> None:
    with serving(world(rate_limit_after=1), "instagram", "ig-page") as client:
        counts = [usage(client, "1784", "x-business-use-case-usage")["1784"][0] for _ in range(4)]
        assert [each["call_count"] for each in counts] == [25, 50, 75, 100]
        assert {each["type"] for each in counts} == {"instagram"}
        status, error = client.error("1784")
        assert (status, error["code"]) == (400, 80002)


def test_no_limit_no_headers() -> None:
    with serving(world()) as client:
        assert not {"x-app-usage", "x-business-use-case-usage"} & client.get(PAGE).headers.keys()


def test_scripted_failures_speak_graph() -> None:
    with serving(world()) as client:
        client.sandbox.script_fault("status", status=503, platform="facebook")
        client.sandbox.script_fault("status", status=429, retry_after="7", platform="facebook")
        status, error = client.error(PAGE)
        assert (status, error["code"], error["is_transient"]) == (503, 2, True)
        answer = client.get(PAGE)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert answer.json()["error"]["message"] == "(#4) Application request limit reached"
    with serving(world(), "instagram", "ig-own") as client:
        client.sandbox.script_fault("status", status=500)
        assert client.error("me")[1]["type"] == "IGApiException"
