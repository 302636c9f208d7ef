"""X's simulator checklist (x.md §10) over HTTP: posts, timelines, edits, users."""

import pytest

from analytics_pipeline.sandbox.server import SandboxServer
from tests.sandbox.twitter_world import (
    BARE,
    CLIP,
    FIRST,
    FOREIGN,
    GONE,
    NEW,
    NOW,
    OLD,
    PUBLIC,
    RETWEET,
    SECOND,
    THIRD,
    VIDEO,
    VIDEO_AGAIN,
    as_before,
    get,
    served,
)

sandbox, _as_before = served, as_before


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
            "start_time=2026-09-15 00:00:00Z",
            "start_time=2026-02-30T00:00:00Z",
            "end_time=2026-09-15T02:00:00%2B02:00",
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

    @pytest.mark.parametrize("deleted", [FIRST, SECOND, THIRD])
    def test_deleting_any_version_deletes_all(self, sandbox: SandboxServer, deleted: str) -> None:
        world = sandbox.state.world
        (post,) = (each for each in world.posts if each.post_id == deleted)
        post.deleted_at = NOW
        world.__post_init__()
        try:
            body = get(sandbox, f"/2/tweets?ids={FIRST},{SECOND},{THIRD}&{PUBLIC}").json()
            assert "data" not in body
            assert [item["resource_id"] for item in body["errors"]] == [FIRST, SECOND, THIRD]
            listed = get(sandbox, "/2/users/22/tweets?max_results=100").json()["data"]
            assert {FIRST, SECOND, THIRD}.isdisjoint(each["id"] for each in listed)
        finally:
            post.deleted_at = None
            world.__post_init__()


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
