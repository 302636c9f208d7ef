"""LinkedIn's simulator checklist (linkedin.md §10) over HTTP: headers, tokens, limits, posts. Not here: OAuth (test_oauth.py)."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest

from analytics_pipeline.sandbox.limits import RateLimits
from analytics_pipeline.sandbox.linkedin import little_text
from analytics_pipeline.sandbox.server import SandboxServer
from tests.sandbox.linkedin_world import (
    EDITED,
    GONE,
    HEADERS,
    IMAGE,
    NEGATIVE,
    NOW,
    OLD,
    PAGE,
    QUIET,
    STATISTICS,
    UNEDITED,
    UNREAD,
    VIDEO,
    at_noon,
    encoded_list,
    finder,
    get,
    served,
)

sandbox, _at_noon = served, at_noon


class TestHeadersAndVersions:
    def test_version_header_is_required(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, finder(), headers={"X-Restli-Protocol-Version": "2.0.0"})
        assert answer.status_code == 400
        assert answer.json() == {
            "status": 400,
            "code": "VERSION_MISSING",
            "message": "A version must be present. Please specify a version by adding the Linkedin-Version header.",
        }

    def test_protocol_header_is_required(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, finder(), headers={"LinkedIn-Version": "202608"})
        assert answer.status_code == 400
        assert answer.json() == {
            "status": 400,
            "serviceErrorCode": 0,
            "message": "Invalid query parameters passed to request",
        }

    @pytest.mark.parametrize(
        ("sent", "echoed"), [("202401", "20240101"), ("202512", "20251201"), ("20240101", "20240101")]
    )
    def test_a_version_that_is_not_active_gets_426(self, sandbox: SandboxServer, sent: str, echoed: str) -> None:
        answer = get(sandbox, finder(), headers={**HEADERS, "LinkedIn-Version": sent})
        assert answer.status_code == 426
        assert answer.json()["code"] == "NONEXISTENT_VERSION"
        assert answer.json()["message"] == f"Requested version {echoed} is not active"

    def test_the_window_of_versions_is_a_setting(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.linkedin, "active_versions", ["202610"])
        assert get(sandbox, finder()).status_code == 426
        assert get(sandbox, finder(), headers={**HEADERS, "linkedin-version": "202610"}).status_code == 200

    def test_eight_digit_versions_are_understood(self, sandbox: SandboxServer) -> None:
        assert get(sandbox, finder(), headers={**HEADERS, "LinkedIn-Version": "20260801"}).status_code == 200

    def test_legacy_calls_need_no_version(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, f"/v2/ugcPosts/{quote(VIDEO, safe='')}", headers={})
        assert answer.status_code == 200
        assert answer.json()["specificContent"]["com.linkedin.ugc.ShareContent"]["shareMediaCategory"] == "VIDEO"

    def test_support_ids_come_with_every_answer(self, sandbox: SandboxServer) -> None:
        assert len(get(sandbox, finder()).headers["x-li-uuid"]) == 32
        assert "x-li-fabric" in get(sandbox, finder(), token=None).headers


class TestTokens:
    @pytest.mark.parametrize(
        ("token", "code", "service_code"),
        [
            (None, None, 401),
            ("nobody", "INVALID_ACCESS_TOKEN", 65600),
            ("never-given", "INVALID_ACCESS_TOKEN", 65600),
            ("revoked", "REVOKED_ACCESS_TOKEN", 65601),
            ("expired", "EXPIRED_ACCESS_TOKEN", 65602),
        ],
    )
    def test_the_kinds_of_401(
        self, sandbox: SandboxServer, token: str | None, code: str | None, service_code: int
    ) -> None:
        answer = get(sandbox, finder(), token=token)
        assert answer.status_code == 401
        assert answer.json().get("code") == code
        assert answer.json()["serviceErrorCode"] == service_code
        assert answer.json()["status"] == 401

    def test_a_missing_scope_is_403_that_names_the_resource(self, sandbox: SandboxServer) -> None:
        own = finder("urn:li:organization:105")
        assert get(sandbox, own, token="posts-only").status_code == 200
        answer = get(sandbox, STATISTICS.replace("101", "105"), token="posts-only")
        assert answer.status_code == 403
        assert answer.json() == {
            "status": 403,
            "serviceErrorCode": 100,
            "code": "ACCESS_DENIED",
            "message": "Not enough permissions to access: "
            "organizationalEntityShareStatistics.FINDER-organizationalEntity.20260801",
        }

    def test_another_page_is_403(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, finder("urn:li:organization:102"))
        assert answer.status_code == 403
        assert answer.json()["message"].endswith("access: partnerApiPostsExternal.FINDER-author.20260801")


class TestRateLimits:
    def test_an_account_limit_is_429_without_retry_after_until_its_window_has_passed(
        self, sandbox: SandboxServer
    ) -> None:
        path = finder("urn:li:organization:106")
        assert [get(sandbox, path, token="throttled").status_code for _ in range(3)] == [200, 200, 429]
        refused = get(sandbox, path, token="throttled")
        assert refused.json() == {
            "status": 429,
            "serviceErrorCode": 101,
            "message": "Resource level throttle limit for calls to this resource is reached.",
        }
        assert "Retry-After" not in refused.headers
        sandbox.clock.advance(59)
        assert get(sandbox, path, token="throttled").status_code == 429
        sandbox.clock.advance(1)
        assert get(sandbox, path, token="throttled").status_code == 200

    def test_the_daily_quota_counts_per_path_and_token_and_ends_at_utc_midnight(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox.state.world.linkedin, "daily_quota", 1)
        posts, sizes = finder("urn:li:organization:107"), "/rest/networkSizes/urn%3Ali%3Aorganization%3A107"
        sizes += "?edgeType=COMPANY_FOLLOWED_BY_MEMBER"
        assert [get(sandbox, posts, token="daily").status_code for _ in range(2)] == [200, 429]
        assert get(sandbox, sizes, token="daily").status_code == 200, "another path has a quota of its own"
        assert get(sandbox, finder("urn:li:organization:110"), token="quiet").status_code == 200, "as has another token"
        refused = get(sandbox, posts, token="daily")
        assert refused.json() == {
            "status": 429,
            "serviceErrorCode": 101,
            "message": "Resource level throttle APPLICATION_AND_MEMBER DAY limit for calls to this resource is reached.",
        }
        assert "Retry-After" not in refused.headers
        sandbox.clock.set(datetime(2026, 9, 10, 23, 59, 59, tzinfo=UTC))
        assert get(sandbox, posts, token="daily").status_code == 429
        sandbox.clock.set(datetime(2026, 9, 11, tzinfo=UTC))
        assert get(sandbox, posts, token="daily").status_code == 200

    def test_the_daily_quota_of_the_app_counts_all_tokens_per_path(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox.state, "limits", RateLimits())
        monkeypatch.setattr(sandbox.state.world.linkedin, "app_daily_quota", 2)
        names = [get(sandbox, "/rest/organizations/101", token=token) for token in ("good", "daily", "quiet")]
        assert [answer.status_code for answer in names] == [200, 200, 429]
        assert names[-1].json()["message"] == (
            "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
        )
        assert get(sandbox, finder(), token="good").status_code == 200, "another path has a quota of its own"
        sandbox.clock.set(datetime(2026, 9, 11, tzinfo=UTC))
        assert get(sandbox, "/rest/organizations/101", token="quiet").status_code == 200

    def test_the_development_tier_has_100_calls_per_member_and_500_per_app(
        self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sandbox.state, "limits", RateLimits())
        monkeypatch.setattr(sandbox.state.world.linkedin, "development_tier", True)
        answered: dict[str, int] = {}
        for token in ("good", "posts-only", "daily", "crowded", "advertiser"):
            for _ in range(101):
                answer = get(sandbox, "/rest/organizations/101", token=token)
                if answer.status_code != 200:
                    break
                answered[token] = answered.get(token, 0) + 1
            assert "APPLICATION_AND_MEMBER DAY limit" in answer.json()["message"]
        assert set(answered.values()) == {100}
        refused = get(sandbox, "/rest/organizations/101", token="quiet")
        assert (refused.status_code, "throttle APPLICATION DAY limit" in refused.json()["message"]) == (429, True)


class TestPosts:
    def test_shape(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/rest/posts/{quote(IMAGE, safe='')}").json()
        milliseconds = round((NOW - timedelta(days=3)).timestamp() * 1000)
        assert body["id"] == IMAGE
        assert body["author"] == PAGE
        assert body["createdAt"] == body["publishedAt"] == body["lastModifiedAt"] == milliseconds
        assert body["commentary"] == "New {hashtag|\\#|product} \\[beta\\]"
        assert body["lifecycleState"] == "PUBLISHED"
        assert body["content"]["media"]["id"].startswith("urn:li:image:")

    def test_content_follows_the_kind(self, sandbox: SandboxServer) -> None:
        elements = {each["id"]: each for each in get(sandbox, finder(count=100)).json()["elements"]}
        assert "content" not in elements[QUIET]
        assert elements[VIDEO]["content"]["media"]["id"] == "urn:li:video:V1"
        assert elements[NEGATIVE]["content"]["article"]["source"] == "https://example.invalid/a"

    def test_the_finder_lists_newest_first_and_without_the_deleted(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, finder(count=100)).json()
        assert [each["id"] for each in body["elements"]] == [UNREAD, QUIET, VIDEO, IMAGE, NEGATIVE, OLD]
        assert body["paging"] == {"start": 0, "count": 100, "links": []}

    def test_pages_are_ten_long_and_linked(self, sandbox: SandboxServer) -> None:
        seen: list[str] = []
        link: str | None = finder("urn:li:organization:108")
        sizes = []
        while link:
            body = get(sandbox, link, token="crowded").json()
            seen += [each["id"] for each in body["elements"]]
            sizes.append(len(body["elements"]))
            link = next((each["href"] for each in body["paging"]["links"] if each["rel"] == "next"), None)
        assert sizes == [10, 10, 5]
        assert seen == [f"urn:li:share:{number}" for number in range(1, 26)]

    def test_short_pages_while_more_exist(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.linkedin, "short_pages", True)
        body = get(sandbox, finder("urn:li:organization:108", count=20), token="crowded").json()
        assert len(body["elements"]) == 19
        (link,) = body["paging"]["links"]
        assert link["rel"] == "next"
        assert "start=19" in link["href"]
        rest = get(sandbox, link["href"], token="crowded").json()
        assert [each["id"] for each in rest["elements"]] == [f"urn:li:share:{number}" for number in range(20, 26)]

    def test_a_page_may_lack_its_link(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.linkedin, "next_links", False)
        body = get(sandbox, finder("urn:li:organization:108"), token="crowded").json()
        assert (len(body["elements"]), body["paging"]["links"]) == (10, [])

    def test_an_edited_post_is_the_last_modified_and_keeps_its_place_by_creation(self, sandbox: SandboxServer) -> None:
        def listed(order: str) -> list[str]:
            path = finder("urn:li:organization:110", **({"sortBy": order} if order else {}))
            return [each["id"] for each in get(sandbox, path, token="quiet").json()["elements"]]

        assert listed("") == listed("LAST_MODIFIED") == [EDITED, UNEDITED]
        assert listed("CREATED") == [UNEDITED, EDITED]
        body = get(sandbox, f"/rest/posts/{quote(EDITED, safe='')}", token="quiet").json()
        assert body["publishedAt"] == round((NOW - timedelta(days=9)).timestamp() * 1000)
        assert body["lastModifiedAt"] == round((NOW - timedelta(hours=1)).timestamp() * 1000)
        assert body["lifecycleStateInfo"] == {"isEditedByAuthor": True}
        former = get(sandbox, f"/v2/ugcPosts/{quote(EDITED, safe='')}", token="quiet", headers={}).json()
        assert former["lastModified"]["time"] == body["lastModifiedAt"] > former["created"]["time"]

        sandbox.clock.set(NOW - timedelta(hours=2))
        assert listed("LAST_MODIFIED") == [UNEDITED, EDITED], "not edited yet"
        body = get(sandbox, f"/rest/posts/{quote(EDITED, safe='')}", token="quiet").json()
        assert (body["lastModifiedAt"], body["lifecycleStateInfo"]["isEditedByAuthor"]) == (body["publishedAt"], False)

    @pytest.mark.parametrize("wrong", ["count=101", "count=0", "start=-1", "sortBy=OLDEST", "count=x"])
    def test_bad_paging_is_400(self, sandbox: SandboxServer, wrong: str) -> None:
        assert get(sandbox, f"{finder()}&{wrong}").status_code == 400

    def test_one_deleted_post_is_404(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, f"/rest/posts/{quote(GONE, safe='')}")
        assert answer.status_code == 404
        assert (answer.json()["status"], answer.json()["code"]) == (404, "NOT_FOUND")

    def test_batch_get_tells_each_one(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/rest/posts?ids={encoded_list(IMAGE, GONE)}").json()
        assert body["results"].keys() == {IMAGE}
        assert body["statuses"] == {IMAGE: 200, GONE: 404}
        assert body["errors"][GONE]["code"] == "NOT_FOUND"

    def test_development_tier_has_no_batch_get(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.linkedin, "development_tier", True)
        lists = {
            "posts": encoded_list(IMAGE),
            "socialMetadata": encoded_list(IMAGE),
            "organizations": "List(101)",
        }
        for resource, ids in lists.items():
            answer = get(sandbox, f"/rest/{resource}?ids={ids}")
            assert answer.status_code == 403
            assert ".BATCH_GET." in answer.json()["message"]
        assert get(sandbox, f"/rest/socialMetadata/{quote(IMAGE, safe='')}").status_code == 200
        assert get(sandbox, "/rest/organizations/101").status_code == 200

    def test_a_dark_post_is_marked(self, sandbox: SandboxServer) -> None:
        (element,) = get(sandbox, finder("urn:li:organization:109"), token="advertiser").json()["elements"]
        assert element["adContext"]["isDsc"] is True
        assert element["distribution"]["feedDistribution"] == "NONE"

    def test_a_person_as_author_is_400(self, sandbox: SandboxServer) -> None:
        answer = get(sandbox, finder("urn:li:person:abc"))
        assert answer.status_code == 400
        assert answer.json()["message"] == "Member permissions must be used when using member as author"

    def test_legacy_finder(self, sandbox: SandboxServer) -> None:
        path = f"/v2/ugcPosts?q=authors&authors={encoded_list(PAGE)}&count=2"
        body = get(sandbox, path, headers={"X-Restli-Protocol-Version": "2.0.0"}).json()
        assert [each["id"] for each in body["elements"]] == [UNREAD, QUIET]
        assert body["paging"]["links"][0]["href"].startswith("/v2/ugcPosts?")

    def test_little_text_escapes_reserved_characters(self) -> None:
        assert little_text("a_b (c) #tag*") == "a\\_b \\(c\\) {hashtag|\\#|tag}\\*"
