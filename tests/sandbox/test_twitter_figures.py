"""X's simulator checklist (x.md §10) over HTTP: private metrics, media, analytics."""

import pytest

from analytics_pipeline.sandbox.server import SandboxServer
from tests.sandbox.twitter_world import (
    CLIP,
    FOREIGN,
    GONE,
    NEW,
    NOW,
    OLD,
    PRIVATE,
    PUBLIC,
    RETWEET,
    VIDEO,
    VIDEO_AGAIN,
    as_before,
    get,
    served,
)

sandbox, _as_before = served, as_before

POST_COUNTERS = (
    "impressions,engagements,likes,replies,retweets,quote_tweets,bookmarks,shares,url_clicks,user_profile_clicks,"
    "permalink_clicks,detail_expands,hashtag_clicks,follows,unfollows,unlikes,media_views,app_opens,"
    "app_install_attempts,email_tweet"
)
MEDIA_COUNTERS = (
    "video_views,watch_time_ms,playback_start,playback25,playback50,playback75,playback_complete,play_from_tap,"
    "cta_url_clicks,cta_watch_clicks"
)


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
        assert body.keys() == {"errors"}
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

    @pytest.mark.parametrize(("refused", "rest"), [("drop", []), ("keep", [OLD])])
    def test_a_refusal_costs_the_post_or_its_private_figures_alone(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, refused: str, rest: list[str]
    ) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "refused_private", refused)
        body = get(sandbox, f"/2/tweets?ids={NEW},{OLD}&{PRIVATE}").json()
        assert [post["id"] for post in body["data"]] == [NEW, *rest]
        assert {item["resource_id"] for item in body["errors"]} == {OLD}
        for post in body["data"][1:]:
            assert post.keys() == {"id", "text", "edit_history_tweet_ids", "public_metrics"}
        one = get(sandbox, f"/2/tweets/{OLD}?{PRIVATE}").json()
        assert one.keys() == ({"data", "errors"} if rest else {"errors"})
        assert {post for _, post in sandbox.billed[NOW.date()]} == {NEW, *rest}, "what is not returned costs nothing"

    @pytest.mark.parametrize(("refused", "found"), [("drop", 0), ("keep", 100)])
    def test_a_page_of_refused_posts_is_empty_and_carries_a_token(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, refused: str, found: int
    ) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "refused_private", refused)
        monkeypatch.setattr(sandbox.state.world.twitter, "private_days", 5)
        sizes, following = [], ""
        while True:
            body = get(sandbox, f"/2/users/28/tweets?max_results=100&{PRIVATE}{following}", token="busy").json()
            sizes.append(body["meta"]["result_count"])
            assert len(body.get("data", [])) == sizes[-1]
            assert ("newest_id" in body["meta"]) == (sizes[-1] > 0)
            if "next_token" not in body["meta"]:
                break
            following = f"&pagination_token={body['meta']['next_token']}"
        assert sizes == [100] * 5 + [found] * 27

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

    def test_promoted_figures_are_private_and_empty(self, sandbox: SandboxServer) -> None:
        path = f"/2/tweets?ids={NEW}&tweet.fields=promoted_metrics"
        assert get(sandbox, path).json()["data"][0]["promoted_metrics"] == {}, "it was never promoted"
        body = get(sandbox, path, token="other").json()
        assert {item["field"].partition(".")[0] for item in body.pop("errors")} == {"promoted_metrics"}
        assert body == {}


class TestMedia:
    FIELDS = "media.fields=type,duration_ms,public_metrics,non_public_metrics,organic_metrics"
    PRIVATE_FIELDS = (
        *(f"non_public_metrics.playback_{mark}_count" for mark in (0, 25, 50, 75, 100)),
        "organic_metrics.view_count",
        *(f"organic_metrics.playback_{mark}_count" for mark in (0, 25, 50, 75, 100)),
    )

    @pytest.mark.parametrize("refused", ["drop", "keep"])
    def test_private_figures_of_media_are_their_authors(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch, refused: str
    ) -> None:
        monkeypatch.setattr(sandbox.state.world.twitter, "refused_private", refused)
        rest = {"media_key": CLIP, "type": "video", "duration_ms": 31_000, "public_metrics": {"view_count": 2100}}
        alone = get(sandbox, f"/2/media?media_keys={CLIP}&{self.FIELDS}", token="other").json()
        assert [item["field"] for item in alone["errors"]] == list(self.PRIVATE_FIELDS)
        assert alone["errors"][0]["resource_type"] == "media"
        assert {(item["resource_id"], item["section"]) for item in alone["errors"]} == {(CLIP, "data")}
        assert alone.get("data", []) == ([] if refused == "drop" else [rest])
        path = f"/2/tweets?ids={VIDEO}&expansions=attachments.media_keys&{self.FIELDS}"
        beside = get(sandbox, path, token="other").json()
        assert [post["id"] for post in beside["data"]] == [VIDEO]
        assert [item["field"] for item in beside["errors"]] == list(self.PRIVATE_FIELDS)
        assert {item["section"] for item in beside["errors"]} == {"includes"}
        assert beside.get("includes", {}).get("media", []) == ([] if refused == "drop" else [rest])

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

    def test_every_documented_counter_of_media_may_be_asked_for(self, sandbox: SandboxServer) -> None:
        path = f"/2/media/analytics?media_keys={CLIP}&start_time=2026-09-10T00:00:00Z&end_time=2026-09-20T12:00:00Z"
        (row,) = get(sandbox, f"{path}&granularity=total&media_analytics.fields={MEDIA_COUNTERS}").json()["data"]
        ((_, metrics),) = (each.values() for each in row["timestamped_metrics"])
        assert list(metrics) == MEDIA_COUNTERS.split(",")
        assert (metrics["video_views"], metrics["playback50"], metrics["play_from_tap"]) == (2100, 1050, None)

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

    def test_every_documented_counter_may_be_asked_for(self, sandbox: SandboxServer) -> None:
        path = f"/2/tweets/analytics?ids={NEW}&{self.SPAN}"
        (row,) = get(sandbox, f"{path}&analytics.fields={POST_COUNTERS}").json()["data"]
        ((_, metrics),) = (each.values() for each in row["timestamped_metrics"])
        assert list(metrics) == POST_COUNTERS.split(",")
        assert (metrics["likes"], metrics["retweets"]) == (88, 12)
        assert (metrics["shares"], metrics["unfollows"]) == (None, None), "not known, and shares are no reposts"
        (row,) = get(sandbox, path).json()["data"]
        assert set(row["timestamped_metrics"][0]["metrics"]) == set(metrics), "all of them by default"

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
            "start_time=2026-W38-1T00:00%2B02:00&end_time=2026-09-18T00:00:00Z",
            "start_time=2026-09-15T00:00:00&end_time=2026-09-18T00:00:00Z",
        ],
    )
    def test_bad_parameters_are_400(self, sandbox: SandboxServer, wrong: str) -> None:
        assert get(sandbox, f"/2/tweets/analytics?ids={NEW}&{wrong}").status_code == 400
