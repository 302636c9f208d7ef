"""What both Meta platforms share: batches, the quota, the version, ids. Not here: listings (test_graph_listings.py)."""

import hmac
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.graph import GraphFetcher
from analytics_pipeline.platform_fetchers.graph_values import insight_values, next_position, without_paging
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.metrics import PostRef
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.graph_fake import PAGE, POST, TOO_MUCH, error, headers_of, patient_fetcher
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

fetcher = patient_fetcher


# --- one call


def test_the_token_is_in_the_header_and_in_no_message(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    server.answer = lambda _: Answer(400, error(190, f"Malformed access token {TOKEN}", 463)[1])
    with pytest.raises(InvalidTokenError) as caught:
        fetcher.fetch_post_analytics("7", POST)
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in server.requests[0].target
    assert TOKEN not in str(caught.value)
    assert "expired" in caught.value.message


def test_an_error_with_status_200_is_an_error(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    server.answer = lambda _: Answer(200, error(803, "(#803) gone")[1])
    with pytest.raises(PostNotFoundError) as caught:
        fetcher.fetch_post_analytics("7", POST)
    assert caught.value.post_id == POST


def test_html_with_status_200_is_no_answer(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    server.answer = lambda _: Answer(200, body=b"<html>login</html>")
    with pytest.raises(TransientError):
        fetcher.fetch_post_analytics("7", POST)
    assert len(server.requests) == 2, "a passing fault is tried again"


def test_the_version_is_in_the_path_and_the_answering_one_is_kept(
    server: PlatformServer, fetcher: FacebookFetcher, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = lambda _: Answer(json={"id": POST}, headers={"facebook-api-version": "v27.0"})
    fetcher.fetch_post_analytics("7", POST)
    assert server.requests[0].path == f"/v25.0/{POST}"
    assert fetcher.answering_version == "v27.0"
    assert [record.getMessage() for record in caplog.records] == [
        "facebook: asked v25.0, answered by v27.0: META_API_VERSION has expired"
    ]


def test_the_version_that_answered_the_parts_of_a_batch_is_kept(
    server: PlatformServer, fetcher: FacebookFetcher
) -> None:
    part = {"code": 200, "headers": [{"name": "Facebook-API-Version", "value": "v27.0"}], "body": "{}"}
    server.answer = lambda request: Answer(json=[part] * len(json.loads(request.form["batch"])))
    list(fetcher.fetch_many([PostRef(POST)]))
    assert fetcher.answering_version == "v27.0"


def test_calls_prove_that_they_come_from_the_app(server: PlatformServer, configure: Callable[..., None]) -> None:
    server.answer = lambda request: (
        Answer(json={"data": []})
        if request.method == "GET"
        else Answer(json=[fine(entry["relative_url"]) for entry in json.loads(request.form["batch"])])
    )

    def proofs(kind: Callable[..., GraphFetcher], token: str, secret: str | None) -> set[str | None]:
        configure(FACEBOOK_CLIENT_SECRET=secret)
        server.requests.clear()
        fetcher = kind(token, PAGE, base_url=server.url, clock=lambda: NOW, sleep=lambda _: None)
        list(fetcher.fetch_many([PostRef(f"{PAGE}_1" if kind is FacebookFetcher else "1"), PostRef(f"{PAGE}_2")]))
        fetcher.fetch_account_days(NOW.date(), NOW.date())
        fetcher.close()
        assert {request.method for request in server.requests} >= {"GET"}
        return {request.query.get("appsecret_proof") for request in server.requests}

    expected = hmac.new(b"CANARY-secret", b"EAAx", "sha256").hexdigest()
    assert proofs(FacebookFetcher, "EAAx", "CANARY-secret") == {expected}
    assert proofs(InstagramFetcher, "EAAx", "CANARY-secret") == {expected}
    assert proofs(InstagramFetcher, "IGAAx", "CANARY-secret") == {None}, "of another app, with another secret"
    assert proofs(FacebookFetcher, "EAAx", None) == {None}


@pytest.mark.parametrize("bad", ["104_", "_1", "1_2_3", "me", "1/2", "1?x=1", "１_２", "1_2\n", "", "1"])
def test_an_id_that_is_none_reaches_no_url(bad: str, server: PlatformServer, fetcher: FacebookFetcher) -> None:
    with pytest.raises(ConfigurationError):
        fetcher.fetch_post_analytics("7", bad)
    [reading] = fetcher.fetch_many([PostRef(bad)])
    assert isinstance(reading.error, ConfigurationError)
    assert server.requests == []


@pytest.mark.parametrize(("account", "version"), [("me/..", "v25.0"), (PAGE, "25"), (PAGE, "v25.0/me")])
def test_an_account_or_version_that_is_none_is_refused_at_once(account: str, version: str) -> None:
    with pytest.raises(ConfigurationError):
        FacebookFetcher(TOKEN, account, base_url="http://127.0.0.1:1", api_version=version)


# --- batches


class Batches:
    """A batch endpoint that answers each entry by `reply`, and counts how often each id was asked."""

    def __init__(self, reply: Callable[[str], Any]) -> None:
        self.reply = reply
        self.sizes: list[int] = []

    def __call__(self, request: Request) -> Answer:
        if request.method == "GET":
            return Answer(json={"id": request.path.rsplit("/", 1)[1]})
        urls = [entry["relative_url"] for entry in json.loads(request.form["batch"])]
        self.sizes.append(len(urls))
        return Answer(json=[self.reply(url) for url in urls])


def fine(url: str) -> dict[str, Any]:
    return {"code": 200, "body": json.dumps({"id": url.partition("?")[0], "shares": {"count": 1}})}


@settings(deadline=None, max_examples=25)
@given(count=st.integers(0, 120), doubled=st.booleans())
def test_batches_keep_every_id_exactly_once(count: int, doubled: bool) -> None:
    refs = [PostRef(f"{PAGE}_{n}") for n in range(count)]
    batches = Batches(fine)
    with PlatformServer(batches) as server:
        fetcher = FacebookFetcher(TOKEN, base_url=server.url, api_version="v25.0")
        readings = list(fetcher.fetch_many(refs * 2 if doubled else refs))
        fetcher.close()
    assert [reading.platform_post_id for reading in readings] == [ref.platform_post_id for ref in refs]
    assert all(size <= 50 for size in batches.sizes)
    assert len(batches.sizes) == -(-count // 25)


def test_an_entry_that_was_not_finished_is_asked_once_more(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    left = {f"{PAGE}_2": 1, f"{PAGE}_3": 2}

    def reply(url: str) -> Any:
        key = url.partition("?")[0]
        if "insights" in url and left.get(key, 0) > 0:
            left[key] -= 1
            return None
        return fine(url)

    server.answer = batches = Batches(reply)
    readings = {r.platform_post_id: r for r in fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(5)])}
    assert batches.sizes == [10, 2]
    assert readings[f"{PAGE}_2"].analytics is not None
    assert isinstance(readings[f"{PAGE}_3"].error, TransientError)
    assert sum(reading.analytics is not None for reading in readings.values()) == 4


PASSING = {"code": 500, "body": json.dumps(error(2, "Service temporarily unavailable")[1])}


@pytest.mark.parametrize(
    ("failures", "sizes", "pauses"),
    [
        ({1: [PASSING]}, [10, 2], 1),
        ({1: [PASSING, PASSING], 2: [PASSING]}, [10, 4, 2], 2),
        ({1: [PASSING] * 9, 2: [None]}, [10, 4, 2], 2),
        ({1: [None, PASSING], 2: [None]}, [10, 4, 2], 1),
        ({1: [None, None], 2: [None, None]}, [10, 4, 4], 0),
    ],
)
def test_a_passing_fault_within_a_batch_is_tried_as_often_as_outside_of_one(
    failures: dict[int, list[Any]], sizes: list[int], pauses: int, server: PlatformServer, slept: list[float]
) -> None:
    """And waited for, unless Meta only did not come to it. Every post is two parts."""
    left = {(f"{PAGE}_{n}", aside): list(replies) for n, replies in failures.items() for aside in (True, False)}

    def reply(url: str) -> Any:
        replies = left.get((url.partition("?")[0], "summary" in url))
        return replies.pop(0) if replies else fine(url)

    server.answer = batches = Batches(reply)
    fetcher = FacebookFetcher(
        TOKEN, PAGE, base_url=server.url, max_retries=3, backoff_factor=5, clock=lambda: NOW, sleep=slept.append
    )
    readings = {r.platform_post_id: r for r in fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(5)])}
    fetcher.close()
    assert batches.sizes == sizes
    assert [isinstance(readings[f"{PAGE}_{n}"].error, TransientError) for n in range(5)] == [
        len(failures.get(n, [])) > 2 for n in range(5)
    ]
    assert len(slept) == pauses
    assert all(0 < pause <= 5**2 for pause in slept)


@pytest.mark.parametrize(
    "entry",
    [{"code": 200}, {"code": 200, "body": "{cut"}, {"code": 200, "body": None}, [], "text", {"body": "{}"}],
)
def test_an_entry_out_of_shape_costs_its_post_only(
    entry: Any, server: PlatformServer, fetcher: FacebookFetcher
) -> None:
    server.answer = Batches(lambda url: entry if url.startswith(f"{PAGE}_1?") else fine(url))
    readings = {r.platform_post_id: r for r in fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(3)])}
    assert isinstance(readings[f"{PAGE}_1"].error, TransientError)
    assert readings[f"{PAGE}_0"].analytics is not None
    assert readings[f"{PAGE}_2"].analytics is not None


def test_a_batch_cut_short_leaves_the_rest_unfinished(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    fetcher._reads_summaries = False
    server.answer = lambda request: Answer(
        json=[fine(e["relative_url"]) for e in json.loads(request.form["batch"])[:1]]
    )
    first, second, third = fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(3)])
    assert first.analytics is not None
    assert second.analytics is not None, "asked again, and first of the second batch"
    assert isinstance(third.error, TransientError)


def test_a_batch_that_is_too_much_is_halved(server: PlatformServer, fetcher: FacebookFetcher) -> None:
    fetcher._reads_summaries = False
    whole = Batches(fine)

    def answer(request: Request) -> Answer:
        size = len(json.loads(request.form["batch"]))
        return whole(request) if size <= 20 else Answer(*TOO_MUCH)

    server.answer = answer
    readings = list(fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(50)]))
    assert [reading.platform_post_id for reading in readings] == [f"{PAGE}_{n}" for n in range(50)]
    assert all(reading.analytics for reading in readings)
    assert sorted(whole.sizes) == [12, 12, 13, 13]


@pytest.mark.parametrize("body", [{"data": []}, [1, 2, 3, 4, 5, 6, 7], "text"])
def test_a_batch_answered_out_of_shape_is_refused_as_a_whole(
    body: Any, server: PlatformServer, fetcher: FacebookFetcher
) -> None:
    server.answer = lambda _: Answer(json=body)
    with pytest.raises(TransientError):
        list(fetcher.fetch_many([PostRef(f"{PAGE}_1"), PostRef(f"{PAGE}_2")]))


def test_a_throttled_entry_ends_the_account_after_the_good_ones(
    server: PlatformServer, fetcher: FacebookFetcher
) -> None:
    usage_headers = [{"name": name, "value": value} for name, value in headers_of(100, 3).items()]
    throttled = {
        "code": 400,
        "headers": usage_headers,
        "body": json.dumps(error(80001, f"(#80001) too many calls {TOKEN}")[1]),
    }
    server.answer = batches = Batches(lambda url: fine(url) if url.startswith(f"{PAGE}_0?") else throttled)
    found: list[str] = []
    readings = fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(60)])
    with pytest.raises(RateLimitError) as caught:
        found.extend(reading.platform_post_id for reading in readings)
    assert found == [f"{PAGE}_0"]
    assert caught.value.retry_after == 180
    assert TOKEN not in str(caught.value)
    assert len(batches.sizes) == 1, "no call while blocked"


def test_one_post_that_is_denied_ends_nothing_after_others_were_read(
    server: PlatformServer, fetcher: FacebookFetcher
) -> None:
    denied = {"code": 403, "body": json.dumps(error(10, "(#10) not yours")[1])}
    batches = Batches(lambda url: denied if url.startswith(f"{PAGE}_25?") else fine(url))
    server.answer = batches
    *read, last = fetcher.fetch_many([PostRef(f"{PAGE}_{n}") for n in range(26)])
    assert all(reading.analytics for reading in read)
    assert isinstance(last.error, PermissionDeniedError)
    with pytest.raises(PermissionDeniedError):
        list(FacebookFetcher(TOKEN, base_url=server.url).fetch_many([PostRef(f"{PAGE}_25")]))


# --- small readers

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["data", "paging", "insights", "name", "values", "value", "next"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_insights_of_any_shape_are_read_or_refused(value: Any) -> None:
    try:
        values = insight_values({"insights": value})
    except BadDataError:
        return
    assert all(isinstance(name, str) and found is not None for name, found in values.items())


@given(json_values)
def test_nothing_kept_holds_paging(value: Any) -> None:
    assert '"paging":' not in json.dumps(without_paging(value))


@given(json_values)
def test_paging_of_any_shape_leads_on_or_ends(value: Any) -> None:
    assert next_position({"paging": value}) is None or isinstance(value, dict)
