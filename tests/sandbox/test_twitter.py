"""X's simulator checklist (x.md §10), point by point, over HTTP. Not here: OAuth (test_oauth.py)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 9, 20, 12, 0, tzinfo=UTC)
PUBLIC = "tweet.fields=public_metrics"
PRIVATE = "tweet.fields=public_metrics,non_public_metrics,organic_metrics"
NEW, VIDEO, OLD, FOREIGN, GONE, RETWEET, BARE = "9001", "9002", "8001", "7001", "9003", "9004", "9005"
VIDEO_AGAIN, FIRST, SECOND, THIRD = "9006", "9101", "9102", "9103"
CLIP = "13_500"


def _post(post_id: str, days_ago: float, owner: str = "22", **more: Any) -> Post:
    return Post("twitter", owner, post_id, NOW - timedelta(days=days_ago), **more)


def _reading(post_id: str, days_ago: float, **figures: int) -> Observation:
    return Observation("twitter", post_id, NOW - timedelta(days=days_ago), **figures)


_FIGURES: dict[str, int] = {
    "likes": 88,
    "comments": 4,
    "shares": 12,
    "quotes": 3,
    "bookmarks": 9,
    "impressions": 7400,
    "url_clicks": 61,
    "profile_clicks": 25,
    "engagements": 240,
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    world = World(
        clock=ClockSettings("fixed", NOW),
        accounts=[
            Account("twitter", "22", "Acme", access_token="good", followers=5120),
            Account("twitter", "23", "Other", access_token="other"),
            Account("twitter", "24", access_token="dead", token_state="expired"),
            Account("twitter", "25", access_token="narrow", scopes=frozenset({"tweet.read"})),
            Account("twitter", "26", access_token="throttled", rate_limit_after=2, rate_limit_seconds=20),
            Account(
                "twitter", "27", access_token="once", rate_limit_after=2, rate_limit_seconds=20, rate_limit_once=True
            ),
            Account("twitter", "28", access_token="busy"),
            Account("twitter", "29", access_token="windowed"),
        ],
        posts=[
            _post(NEW, 5, text="Release day"),
            _post(VIDEO, 4, post_type="video", media_id=CLIP, duration_s=31.0),
            _post(VIDEO_AGAIN, 3, post_type="video", media_id=CLIP, duration_s=31.0),
            _post(OLD, 31),
            _post(GONE, 6, deleted_at=NOW - timedelta(days=1)),
            _post(RETWEET, 2, reshare_of=FOREIGN),
            _post(BARE, 1, post_type="reply"),
            _post(FIRST, 0.5),
            _post(SECOND, 0.49, edit_of=FIRST),
            _post(THIRD, 0.48, edit_of=SECOND),
            _post(FOREIGN, 3, owner="23"),
            *(
                Post(
                    "twitter",
                    "28",
                    str(10_000 + number),
                    NOW - timedelta(minutes=10_000 - number),
                    post_type="reply" if number % 2 else "text",
                )
                for number in range(3_300)
            ),
        ],
        observations=[
            _reading(NEW, 4, **_FIGURES),
            _reading(NEW, -1, **{**_FIGURES, "likes": 90}),
            _reading(OLD, 4, **_FIGURES),
            _reading(FOREIGN, 2, likes=5, shares=77),
            _reading(
                VIDEO, 3, likes=1, comments=0, shares=0, impressions=100, video_views=1000, watch_time_ms=5_400_000
            ),
            _reading(
                VIDEO, 1, likes=2, comments=0, shares=0, impressions=150, video_views=1500, watch_time_ms=6_000_000
            ),
            _reading(VIDEO_AGAIN, 1, likes=3, video_views=600, watch_time_ms=1_000),
            _reading(FIRST, 0.4, likes=10),
            _reading(SECOND, 0.4, likes=20),
            _reading(THIRD, 0.4, likes=30),
        ],
    )
    world.twitter.app_token = "app-only"
    world.twitter.app_owner = "22"
    with SandboxServer(world) as server:
        yield server


@pytest.fixture(autouse=True)
def _as_before(sandbox: SandboxServer) -> Iterator[None]:
    yield
    sandbox.clock.set(NOW)
    sandbox.state.billed.clear()


def get(sandbox: SandboxServer, path: str, token: str | None = "good") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return requests.get(f"{sandbox.url}/twitter{path}", headers=headers, timeout=5)


class TestVocabularies:
    def test_tweet_fields_are_answered_in_old_words(self, sandbox: SandboxServer) -> None:
        (post,) = get(sandbox, f"/2/tweets?ids={NEW}&{PUBLIC}").json()["data"]
        assert post == {
            "id": NEW,
            "text": "Release day",
            "edit_history_tweet_ids": [NEW],
            "public_metrics": {
                "retweet_count": 12,
                "reply_count": 4,
                "like_count": 88,
                "quote_count": 3,
                "bookmark_count": 9,
                "impression_count": 7400,
            },
        }

    def test_post_fields_are_answered_in_new_words(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/2/tweets?ids={NEW}&post.fields=public_metrics,organic_metrics").json()
        (post,) = body["data"]
        assert post["public_metrics"]["repost_count"] == 12
        assert "retweet_count" not in post["public_metrics"]
        assert post["organic_metrics"]["repost_count"] == 12
        assert post["edit_history_post_ids"] == [NEW]
        assert post["author_id"] == "22", "arrives unasked"
        assert body["meta"] == {"result_count": 1}

    def test_both_at_once_and_unknown_fields_are_400(self, sandbox: SandboxServer) -> None:
        both = f"/2/tweets?ids={NEW}&{PUBLIC}&post.fields=public_metrics"
        for path in (
            both,
            f"/2/tweets?ids={NEW}&tweet.fields=likes",
            f"/2/tweets?ids={NEW}&fields=id",
            f"/2/tweets?ids={NEW}&post.fields=author_id",
        ):
            answer = get(sandbox, path)
            assert answer.status_code == 400
            assert answer.json()["type"].endswith("/invalid-request")
            assert answer.json()["errors"][0]["parameters"]

    def test_unrequested_fields_are_left_out(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/2/tweets?ids={NEW}").json()
        assert body["data"][0].keys() == {"id", "text", "edit_history_tweet_ids"}
        assert body.keys() == {"data"}

    def test_requested_fields(self, sandbox: SandboxServer) -> None:
        path = f"/2/tweets?ids={VIDEO}&tweet.fields=created_at,author_id,attachments,conversation_id"
        (post,) = get(sandbox, path).json()["data"]
        assert post["created_at"] == "2026-09-16T12:00:00.000Z"
        assert post["author_id"] == "22"
        assert post["attachments"] == {"media_keys": [CLIP]}
        assert post["conversation_id"] == VIDEO


class TestPostLookup:
    def test_a_later_reading_shows_later_figures(self, sandbox: SandboxServer) -> None:
        sandbox.clock.advance(86_400)
        (post,) = get(sandbox, f"/2/tweets?ids={NEW}&{PUBLIC}").json()["data"]
        assert post["public_metrics"]["like_count"] == 90

    def test_a_figure_that_is_not_reported_has_no_key(self, sandbox: SandboxServer) -> None:
        (post,) = get(sandbox, f"/2/tweets?ids={FOREIGN}&{PUBLIC}").json()["data"]
        assert post["public_metrics"] == {"like_count": 5, "retweet_count": 77}

    def test_a_post_without_reading_has_no_activity(self, sandbox: SandboxServer) -> None:
        (post,) = get(sandbox, f"/2/tweets?ids={BARE}&{PUBLIC}").json()["data"]
        assert set(post["public_metrics"].values()) == {0}
        assert "impression_count" in post["public_metrics"]

    def test_missing_ids_of_a_batch_are_items_beside_the_data(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/2/tweets?ids={NEW},{GONE},424242&{PUBLIC}").json()
        assert [post["id"] for post in body["data"]] == [NEW]
        assert [item["resource_id"] for item in body["errors"]] == [GONE, "424242"]
        assert body["errors"][0] == {
            "value": GONE,
            "detail": f"Could not find tweet with ids: [{GONE}].",
            "title": "Not Found Error",
            "resource_type": "tweet",
            "parameter": "ids",
            "resource_id": GONE,
            "type": "https://api.twitter.com/2/problems/resource-not-found",
        }

    def test_nothing_found_is_200_without_data(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, f"/2/tweets?ids={GONE}")
        assert (answer.status_code, list(answer.json())) == (200, ["errors"])

    def test_one_missing_post_is_200_or_404(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        answer = get(sandbox, f"/2/tweets/{GONE}")
        assert (answer.status_code, list(answer.json())) == (200, ["errors"])
        monkeypatch.setattr(sandbox.state.world.twitter, "missing_post_status", 404)
        answer = get(sandbox, f"/2/tweets/{GONE}")
        assert answer.status_code == 404
        assert answer.json()["errors"][0]["resource_id"] == GONE
        assert answer.json()["title"] == "Not Found Error"

    def test_one_post_is_an_object(self, sandbox: SandboxServer) -> None:
        assert get(sandbox, f"/2/tweets/{NEW}?{PUBLIC}").json()["data"]["public_metrics"]["like_count"] == 88

    def test_the_host_of_problem_types_is_a_setting(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "type_host", "api.x.com")
        (item,) = get(sandbox, f"/2/tweets?ids={GONE}").json()["errors"]
        assert item["type"] == "https://api.x.com/2/problems/resource-not-found"

    @pytest.mark.parametrize("ids", ["abc", "", "1,,2", "12345678901234567890"])
    def test_bad_ids_are_400(self, sandbox: SandboxServer, ids: str) -> None:
        answer = get(sandbox, f"/2/tweets?ids={ids}")
        assert answer.status_code == 400
        assert answer.json()["title"] == "Invalid Request"
        assert "is not valid" in answer.json()["errors"][0]["message"]

    def test_a_hundred_ids_and_not_one_more(self, sandbox: SandboxServer) -> None:
        ids = [str(10_000 + number) for number in range(101)]
        assert len(get(sandbox, f"/2/tweets?ids={','.join(ids[:100])}").json()["data"]) == 100
        assert sandbox.requests[-1].posts_returned == 100
        assert get(sandbox, f"/2/tweets?ids={','.join(ids)}").status_code == 400


class TestPrivateMetrics:
    def test_the_author_reads_them_for_thirty_days(self, sandbox: SandboxServer) -> None:
        (post,) = get(sandbox, f"/2/tweets?ids={NEW}&{PRIVATE}").json()["data"]
        assert post["non_public_metrics"] == {
            "impression_count": 7400,
            "url_link_clicks": 61,
            "user_profile_clicks": 25,
            "engagements": 240,
        }
        assert post["organic_metrics"]["url_link_clicks"] == 61

    @pytest.mark.parametrize(("token", "post_id"), [("good", OLD), ("other", NEW), ("app-only", NEW)])
    def test_otherwise_one_error_item_per_field(self, sandbox: SandboxServer, token: str, post_id: str) -> None:
        body = get(sandbox, f"/2/tweets?ids={post_id}&{PRIVATE}", token=token).json()
        assert body["data"][0]["public_metrics"]["like_count"] == 88, "what is public still comes"
        assert "non_public_metrics" not in body["data"][0]
        assert [item["field"] for item in body["errors"]] == [
            "non_public_metrics.impression_count",
            "non_public_metrics.url_link_clicks",
            "non_public_metrics.user_profile_clicks",
            "non_public_metrics.engagements",
            "organic_metrics.impression_count",
            "organic_metrics.like_count",
            "organic_metrics.reply_count",
            "organic_metrics.retweet_count",
            "organic_metrics.url_link_clicks",
            "organic_metrics.user_profile_clicks",
        ]
        item = body["errors"][5]
        assert item["title"] == "Field Authorization Error"
        assert item["section"] == "data"
        assert item["type"].endswith("/not-authorized-for-field")
        assert item["detail"] == (
            f"Sorry, you are not authorized to access 'organic_metrics.like_count' on the Tweet with ids : [{post_id}]."
        )

    def test_a_foreign_reference_is_dropped_with_errors(self, sandbox: SandboxServer) -> None:
        path = f"/2/tweets?ids={RETWEET}&expansions=referenced_tweets.id&tweet.fields=referenced_tweets,public_metrics"
        open_body = get(sandbox, path).json()
        assert [post["id"] for post in open_body["includes"]["tweets"]] == [FOREIGN]
        private = get(sandbox, path + ",organic_metrics").json()
        assert "includes" not in private
        assert {item["section"] for item in private["errors"] if item["resource_id"] == FOREIGN} == {"includes"}

    def test_a_retweet_shows_only_the_reposts_of_its_original(self, sandbox: SandboxServer) -> None:
        (post,) = get(sandbox, f"/2/tweets?ids={RETWEET}&{PUBLIC},referenced_tweets").json()["data"]
        assert post["referenced_tweets"] == [{"type": "retweeted", "id": FOREIGN}]
        assert post["public_metrics"].pop("retweet_count") == 77
        assert set(post["public_metrics"].values()) == {0}


class TestMedia:
    FIELDS = "media.fields=type,duration_ms,public_metrics,non_public_metrics,organic_metrics"

    def test_views_are_shared_by_all_posts_with_the_media(self, sandbox: SandboxServer) -> None:
        path = f"/2/tweets?ids={VIDEO},{VIDEO_AGAIN}&expansions=attachments.media_keys&{self.FIELDS}"
        body = get(sandbox, path).json()
        assert [post["attachments"]["media_keys"] for post in body["data"]] == [[CLIP], [CLIP]]
        (media,) = body["includes"]["media"]
        assert media["public_metrics"] == {"view_count": 2100}
        assert media["duration_ms"] == 31_000
        assert media["non_public_metrics"]["playback_0_count"] == 2100
        assert media["organic_metrics"]["view_count"] == 2100

    def test_media_lookup(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/2/media?media_keys={CLIP},13_999&media.fields=public_metrics", token="other").json()
        assert body["data"] == [{"media_key": CLIP, "type": "video", "public_metrics": {"view_count": 2100}}]
        assert body["errors"][0]["resource_id"] == "13_999"

    def test_media_analytics_per_day(self, sandbox: SandboxServer) -> None:
        path = f"/2/media/analytics?media_keys={CLIP}&start_time=2026-09-17T00:00:00Z&end_time=2026-09-20T00:00:00Z"
        (row,) = get(sandbox, path).json()["data"]
        days = {each["timestamp"]: each["metrics"] for each in row["timestamped_metrics"]}
        assert days["2026-09-17T00:00:00Z"]["watch_time_ms"] == 5_400_000
        assert days["2026-09-18T00:00:00Z"]["watch_time_ms"] == 0
        assert days["2026-09-19T00:00:00Z"]["watch_time_ms"] == 601_000
        assert days["2026-09-19T00:00:00Z"]["video_views"] == 1100

    def test_counters_may_be_strings(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "string_counters", True)
        path = f"/2/media/analytics?media_keys={CLIP}&start_time=2026-09-10T00:00:00Z&end_time=2026-09-20T12:00:00Z"
        (row,) = get(sandbox, path + "&granularity=total").json()["data"]
        assert row["timestamped_metrics"][0]["metrics"]["watch_time_ms"] == "6001000"


class TestAnalytics:
    SPAN = "start_time=2026-09-15T00:00:00Z&end_time=2026-09-18T00:00:00Z"

    def test_days(self, sandbox: SandboxServer) -> None:
        (row,) = get(sandbox, f"/2/tweets/analytics?ids={NEW}&{self.SPAN}&granularity=daily").json()["data"]
        assert [each["timestamp"] for each in row["timestamped_metrics"]] == [
            "2026-09-15T00:00:00Z",
            "2026-09-16T00:00:00Z",
            "2026-09-17T00:00:00Z",
        ]
        assert [each["metrics"]["likes"] for each in row["timestamped_metrics"]] == [0, 88, 0]
        assert row["timestamped_metrics"][1]["metrics"]["follows"] is None, "nullable when not known"

    def test_total_is_the_default(self, sandbox: SandboxServer) -> None:
        (row,) = get(sandbox, f"/2/tweets/analytics?ids={NEW}&{self.SPAN}&analytics.fields=url_clicks").json()["data"]
        assert row["timestamped_metrics"] == [{"timestamp": "2026-09-15T00:00:00Z", "metrics": {"url_clicks": 61}}]

    def test_foreign_and_unknown_posts_are_items(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/2/tweets/analytics?ids={FOREIGN},{GONE}&{self.SPAN}").json()
        assert "data" not in body
        assert [item["type"].rpartition("/")[2] for item in body["errors"]] == [
            "not-authorized-for-resource",
            "resource-not-found",
        ]

    def test_app_only_tokens_are_refused(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, f"/2/tweets/analytics?ids={NEW}&{self.SPAN}", token="app-only")
        assert answer.status_code == 403
        assert answer.json()["type"] == "https://api.twitter.com/2/problems/unsupported-authentication"
        assert answer.json()["status"] == 403

    @pytest.mark.parametrize("wrong", ["tweet.fields=public_metrics", "media_analytics.fields=video_views", "x=1"])
    def test_analytics_take_no_field_parameters_of_posts(self, sandbox: SandboxServer, wrong: str) -> None:
        path = f"/2/tweets/analytics?ids={NEW}&{self.SPAN}"
        assert get(sandbox, path).status_code == 200
        assert get(sandbox, f"{path}&{wrong}").status_code == 400

    @pytest.mark.parametrize(
        "wrong",
        [
            "",
            "start_time=2026-09-15T00:00:00Z",
            f"{SPAN}&granularity=monthly",
            f"{SPAN}&analytics.fields=love",
            "start_time=2026-09-18T00:00:00Z&end_time=2026-09-15T00:00:00Z",
        ],
    )
    def test_bad_parameters_are_400(self, sandbox: SandboxServer, wrong: str) -> None:
        assert get(sandbox, f"/2/tweets/analytics?ids={NEW}&{wrong}").status_code == 400


class TestTimeline:
    def walk(self, sandbox: SandboxServer, path: str, token: str = "busy") -> tuple[list[str], list[int]]:
        seen: list[str] = []
        sizes: list[int] = []
        following = ""
        while True:
            body = get(sandbox, path + following, token=token).json()
            seen += [post["id"] for post in body.get("data", [])]
            sizes.append(body["meta"]["result_count"])
            if "next_token" not in body["meta"]:
                return seen, sizes
            following = f"&pagination_token={body['meta']['next_token']}"

    def test_newest_first_with_replaced_and_deleted_versions_gone(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, "/2/users/22/tweets?max_results=100").json()
        assert [post["id"] for post in body["data"]] == [THIRD, BARE, RETWEET, VIDEO_AGAIN, VIDEO, NEW, OLD]
        assert body["meta"] == {"result_count": 7, "newest_id": THIRD, "oldest_id": OLD}

    def test_pages_end_at_3200_posts(self, sandbox: SandboxServer) -> None:
        seen, sizes = self.walk(sandbox, "/2/users/28/tweets?max_results=100")
        assert sizes == [100] * 32
        assert seen == [str(10_000 + number) for number in range(3299, 99, -1)]

    def test_800_with_replies_excluded(self, sandbox: SandboxServer) -> None:
        seen, _ = self.walk(sandbox, "/2/users/28/tweets?max_results=100&exclude=replies")
        assert len(seen) == 400, "the newest 800, of which every second is a reply"

    def test_an_empty_first_page_carries_a_token(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "empty_pages", True)
        seen, sizes = self.walk(sandbox, "/2/users/22/tweets?max_results=5", token="good")
        assert sizes == [0, 5, 2]
        assert seen[0] == THIRD

    def test_times_ids_and_kinds_narrow_it(self, sandbox: SandboxServer) -> None:
        def ids(query: str) -> list[str]:
            body = get(sandbox, f"/2/users/22/tweets?max_results=100&{query}").json()
            return [post["id"] for post in body.get("data", [])]

        assert ids("start_time=2026-09-16T12:00:00Z&end_time=2026-09-17T12:00:00Z") == [VIDEO]
        assert ids("since_id=9004") == [THIRD, BARE, VIDEO_AGAIN]
        assert ids("until_id=9001&start_time=2026-09-19T00:00:00Z") == [OLD], "ids take precedence over times"
        assert ids("exclude=replies,retweets") == [THIRD, VIDEO_AGAIN, VIDEO, NEW, OLD]
        assert get(sandbox, "/2/users/23/tweets?end_time=2026-01-01T00:00:00Z").json() == {"meta": {"result_count": 0}}

    @pytest.mark.parametrize(
        "wrong",
        [
            "max_results=4",
            "max_results=101",
            "pagination_token=x",
            "exclude=all",
            "since_id=a",
            "start_time=yesterday",
            "start_time=2009-01-01T00:00:00Z",
            "start_time=2026-09-02T00:00:00Z&end_time=2026-09-01T00:00:00Z",
        ],
    )
    def test_bad_parameters_are_400(self, sandbox: SandboxServer, wrong: str) -> None:
        assert get(sandbox, f"/2/users/22/tweets?{wrong}").status_code == 400

    def test_an_unknown_user_is_an_item(self, sandbox: SandboxServer) -> None:
        (item,) = get(sandbox, "/2/users/999/tweets").json()["errors"]
        assert item["resource_type"] == "user"


class TestEdits:
    def test_every_version_has_the_chain_and_figures_of_its_own(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/2/tweets?ids={FIRST},{SECOND},{THIRD}&{PUBLIC}").json()
        assert [post["edit_history_tweet_ids"] for post in body["data"]] == [[FIRST, SECOND, THIRD]] * 3
        assert [post["public_metrics"]["like_count"] for post in body["data"]] == [10, 20, 30]


class TestUsers:
    def test_me(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, "/2/users/me?user.fields=public_metrics").json()
        assert body["data"]["id"] == "22"
        assert body["data"]["public_metrics"]["followers_count"] == 5120
        assert body["data"]["public_metrics"]["tweet_count"] == 7
        assert get(sandbox, "/2/users/me").json()["data"].keys() == {"id", "name", "username"}
        assert get(sandbox, "/2/users/me", token="app-only").status_code == 403

    def test_by_id(self, sandbox: SandboxServer) -> None:
        assert get(sandbox, "/2/users/23").json()["data"]["name"] == "Other"
        assert "data" not in get(sandbox, "/2/users/999").json()


class TestRefusals:
    @pytest.mark.parametrize("token", [None, "nobody", "dead"])
    def test_every_bad_token_is_the_same_401(self, sandbox: SandboxServer, token: str | None) -> None:
        answer = get(sandbox, f"/2/tweets?ids={NEW}", token=token)
        assert answer.status_code == 401
        assert answer.json() == {
            "title": "Unauthorized",
            "type": "about:blank",
            "status": 401,
            "detail": "Unauthorized",
        }

    def test_a_missing_scope_is_a_bare_403(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, f"/2/tweets?ids={NEW}", token="narrow")
        assert answer.status_code == 403
        assert answer.json() == {"title": "Forbidden", "type": "about:blank", "status": 403, "detail": "Forbidden"}

    def test_a_plan_that_lacks_an_endpoint_is_403(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "not_enrolled", ["media"])
        answer = get(sandbox, f"/2/media?media_keys={CLIP}")
        assert answer.status_code == 403
        assert answer.json()["type"] == "https://api.twitter.com/2/problems/client-forbidden"
        assert answer.json()["reason"] == "client-not-enrolled"
        assert get(sandbox, f"/2/tweets?ids={NEW}").status_code == 200

    def test_no_credits_is_402(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "credits", 2)
        assert get(sandbox, f"/2/tweets?ids={NEW},{VIDEO}").status_code == 200
        answer = get(sandbox, f"/2/tweets?ids={NEW}")
        assert answer.status_code == 402
        assert answer.json()["title"] == "CreditsDepleted"
        assert answer.json()["type"] == "https://api.twitter.com/2/problems/credits"

    def test_the_monthly_cap_is_a_429_of_its_own(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "monthly_cap", 1)
        assert get(sandbox, f"/2/tweets?ids={NEW}").status_code == 200
        answer = get(sandbox, f"/2/tweets?ids={NEW}")
        assert answer.status_code == 429
        assert answer.json()["type"].endswith("/usage-capped")
        assert (answer.json()["period"], answer.json()["scope"]) == ("Monthly", "Product")
        sandbox.clock.set(datetime(2026, 10, 1, tzinfo=UTC))
        assert get(sandbox, f"/2/tweets?ids={NEW}").status_code == 200

    def test_unknown_paths_are_404(self, sandbox: SandboxServer) -> None:
        assert get(sandbox, "/2/insights/28hr").status_code == 404


class TestRateLimits:
    def test_headers_on_every_answer(self, sandbox: SandboxServer) -> None:
        first = get(sandbox, f"/2/tweets?ids={NEW}", token="windowed").headers
        second = get(sandbox, "/2/tweets?ids=abc", token="windowed").headers
        assert first["x-rate-limit-limit"] == "5000"
        assert (first["x-rate-limit-remaining"], second["x-rate-limit-remaining"]) == ("4999", "4998")
        assert first["x-rate-limit-reset"] == str(int(NEW_WINDOW_ENDS.timestamp()))
        timeline = get(sandbox, "/2/users/29/tweets", token="windowed").headers
        assert (timeline["x-rate-limit-limit"], timeline["x-rate-limit-remaining"]) == ("900", "899")

    def test_a_full_window_of_an_endpoint(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "window_limits", {"tweet": 1})
        assert get(sandbox, f"/2/tweets/{NEW}", token="windowed").status_code == 200
        answer = get(sandbox, f"/2/tweets/{NEW}", token="windowed")
        assert answer.status_code == 429
        assert answer.json() == {
            "title": "Too Many Requests",
            "detail": "Too Many Requests",
            "type": "about:blank",
            "status": 429,
        }
        assert answer.headers["x-rate-limit-remaining"] == "0"
        assert get(sandbox, f"/2/tweets?ids={NEW}", token="windowed").status_code == 200, "endpoints count apart"
        sandbox.clock.advance(900)
        assert get(sandbox, f"/2/tweets/{NEW}", token="windowed").status_code == 200

    def test_the_limit_of_an_account(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "rate_limit_body", "code88")
        answers = [get(sandbox, "/2/users/26/tweets", token="throttled") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[2].json() == {"errors": [{"code": 88, "message": "Rate limit exceeded"}]}
        assert answers[2].headers["x-rate-limit-reset"] == str(int(NOW.timestamp()) + 20)
        sandbox.clock.advance(20)
        answers = [get(sandbox, "/2/users/26/tweets", token="throttled") for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429], "a new window has the same limit"

    def test_an_account_that_is_throttled_once(self, sandbox: SandboxServer) -> None:
        def statuses(calls: int) -> list[int]:
            return [get(sandbox, "/2/users/27/tweets", token="once").status_code for _ in range(calls)]

        assert statuses(1) == [200]
        sandbox.clock.advance(300)
        assert statuses(2) == [200, 429], "counted without a window"
        sandbox.clock.advance(19)
        assert statuses(1) == [429]
        sandbox.clock.advance(1)
        assert statuses(9) == [200] * 9, "free for ever after"


NEW_WINDOW_ENDS = NOW + timedelta(minutes=15)


class TestBilling:
    def test_a_post_is_billed_once_a_utc_day(self, sandbox: SandboxServer) -> None:
        for _ in range(3):
            get(sandbox, f"/2/tweets?ids={NEW},{VIDEO}")
        assert list(sandbox.billed.values()) == [{("post", NEW): "post_read", ("post", VIDEO): "post_read"}]
        sandbox.clock.set(NOW + timedelta(days=1))
        get(sandbox, f"/2/tweets?ids={NEW}")
        assert [len(day) for day in sandbox.billed.values()] == [2, 1]

    def test_the_owners_timeline_costs_the_owned_price(self, sandbox: SandboxServer) -> None:
        get(sandbox, "/2/users/22/tweets")
        get(sandbox, "/2/users/23/tweets", token="other")
        prices = sandbox.billed[NOW.date()]
        assert prices["post", NEW] == "owned_read"
        assert prices["post", FOREIGN] == "post_read"
        get(sandbox, f"/2/tweets?ids={NEW}")
        assert sandbox.billed[NOW.date()]["post", NEW] == "owned_read", "already paid for today"

    def test_expansions_are_billed_too(self, sandbox: SandboxServer) -> None:
        get(sandbox, f"/2/tweets?ids={RETWEET}&expansions=author_id,referenced_tweets.id")
        assert sandbox.billed[NOW.date()] == {
            ("post", RETWEET): "post_read",
            ("post", FOREIGN): "post_read",
            ("user", "22"): "user_read",
        }

    def test_refused_requests_cost_nothing(self, sandbox: SandboxServer) -> None:
        get(sandbox, "/2/tweets?ids=abc")
        get(sandbox, f"/2/tweets?ids={NEW}", token="dead")
        assert sandbox.billed == {}

    def test_usage_is_for_the_app(self, sandbox: SandboxServer) -> None:
        get(sandbox, f"/2/tweets?ids={NEW},{VIDEO}")
        data = get(sandbox, "/2/usage/tweets", token="app-only").json()["data"]
        assert data["project_usage"] == "2"
        assert get(sandbox, "/2/usage/tweets").status_code == 403
