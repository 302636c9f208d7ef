"""LinkedIn's simulator checklist (linkedin.md §10), point by point, over HTTP. Not here: OAuth (test_oauth.py)."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from analytics_pipeline.sandbox.linkedin import little_text
from analytics_pipeline.sandbox.model import Account, AccountDay, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 9, 10, 12, 0, tzinfo=UTC)
PAGE = "urn:li:organization:101"
HEADERS = {"LinkedIn-Version": "202608", "X-Restli-Protocol-Version": "2.0.0"}
STATISTICS = "/rest/organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity=" + quote(PAGE)
IMAGE, VIDEO, QUIET = "urn:li:share:7301", "urn:li:ugcPost:7302", "urn:li:share:7303"
OLD, GONE, NEGATIVE, UNREAD = "urn:li:share:7200", "urn:li:share:7299", "urn:li:ugcPost:7304", "urn:li:share:7305"
DARK = "urn:li:share:7306"


def _post(post_id: str, days_ago: float, **more: Any) -> Post:
    return Post("linkedin", "101", post_id, NOW - timedelta(days=days_ago), **more)


def _reading(post_id: str, days_ago: float, **figures: int) -> Observation:
    return Observation("linkedin", post_id, NOW - timedelta(days=days_ago), **figures)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    world = World(
        clock=ClockSettings("fixed", NOW),
        accounts=[
            Account("linkedin", "101", "Acme Works", access_token="good", followers=900),
            Account("linkedin", "102", access_token="expired", token_state="expired"),
            Account("linkedin", "103", access_token="revoked", token_state="revoked"),
            Account("linkedin", "104", access_token="never-given", token_state="unknown"),
            Account("linkedin", "105", access_token="posts-only", scopes=frozenset({"r_organization_social"})),
            Account("linkedin", "106", access_token="throttled", rate_limit_after=2, rate_limit_seconds=60),
            Account("linkedin", "107", access_token="daily"),
            Account("linkedin", "108", access_token="crowded"),
            Account("linkedin", "109", access_token="advertiser"),
        ],
        posts=[
            _post(IMAGE, 3, post_type="image", text="New #product [beta]"),
            _post(VIDEO, 2, post_type="video", media_id="urn:li:video:V1", duration_s=30),
            _post(QUIET, 1),
            _post(OLD, 400),
            _post(GONE, 5, deleted_at=NOW - timedelta(days=1)),
            _post(NEGATIVE, 4, post_type="link", url="https://example.invalid/a"),
            _post(UNREAD, 0.5),
            Post("linkedin", "109", DARK, NOW - timedelta(days=1), flags=frozenset({"dark"})),
            *(
                Post("linkedin", "108", f"urn:li:share:{number}", NOW - timedelta(hours=number))
                for number in range(1, 26)
            ),
        ],
        observations=[
            _reading(
                IMAGE, 2, likes=40, comments=10, shares=5, impressions=5000, reach=3100, clicks=70, reaction_love=4
            ),
            _reading(IMAGE, -1, likes=44, comments=11, shares=5, impressions=6000, reach=3300, clicks=80),
            _reading(VIDEO, 1, likes=1, impressions=10, video_views=7, watch_time_ms=84_500),
            _reading(QUIET, 0.5, likes=0, comments=0, shares=0, impressions=0, clicks=0),
            _reading(OLD, 300, likes=3, impressions=90),
            _reading(GONE, 2, likes=3, impressions=90),
            _reading(NEGATIVE, 2, likes=-1, comments=0, shares=0, impressions=0, clicks=1),
        ],
        account_days=[
            AccountDay("linkedin", "101", date(2026, 9, day), metric, value)
            for day, metric, value in [
                (1, "impressions", 810),
                (1, "reach", 500),
                (1, "clicks", 12),
                (1, "likes", 9),
                (1, "comments", 1),
                (1, "shares", 0),
                (2, "impressions", 400),
                (2, "clicks", 4),
                (7, "follower_gain", 12),
                (8, "follower_gain", -3),
                (9, "follower_gain", 5),
                (9, "followers", 914),
            ]
        ],
    )
    with SandboxServer(world) as server:
        yield server


@pytest.fixture(autouse=True)
def _at_noon(sandbox: SandboxServer) -> Iterator[None]:
    yield
    sandbox.clock.set(NOW)


def get(
    sandbox: SandboxServer, path: str, token: str | None = "good", headers: dict[str, str] | None = None
) -> requests.Response:
    sent = dict(HEADERS if headers is None else headers)
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    return requests.get(f"{sandbox.url}/linkedin{path}", headers=sent, timeout=5)


def encoded_list(*urns: str) -> str:
    return f"List({','.join(quote(urn, safe='') for urn in urns)})"


def finder(token_page: str = PAGE, **params: object) -> str:
    more = "".join(f"&{name}={value}" for name, value in params.items())
    return f"/rest/posts?q=author&author={quote(token_page, safe='')}{more}"


def intervals(start: datetime, end: datetime, granularity: str) -> str:
    span = f"(start:{round(start.timestamp() * 1000)},end:{round(end.timestamp() * 1000)})"
    return f"&timeIntervals=(timeRange:{span},timeGranularityType:{granularity})"


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
        refused = get(sandbox, posts, token="daily")
        assert "APPLICATION DAY limit" in refused.json()["message"]
        assert "Retry-After" not in refused.headers
        sandbox.clock.set(datetime(2026, 9, 10, 23, 59, 59, tzinfo=UTC))
        assert get(sandbox, posts, token="daily").status_code == 429
        sandbox.clock.set(datetime(2026, 9, 11, tzinfo=UTC))
        assert get(sandbox, posts, token="daily").status_code == 200


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
        answer = get(sandbox, f"/rest/posts?ids={encoded_list(IMAGE)}")
        assert answer.status_code == 403
        assert "BATCH_GET" in answer.json()["message"]

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


class TestShareStatistics:
    def test_figures_of_a_post(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"{STATISTICS}&shares={encoded_list(IMAGE)}").json()
        assert body["elements"] == [
            {
                "organizationalEntity": PAGE,
                "share": IMAGE,
                "totalShareStatistics": {
                    "impressionCount": 5000,
                    "uniqueImpressionsCount": 3100,
                    "clickCount": 70,
                    "likeCount": 40,
                    "commentCount": 10,
                    "shareCount": 5,
                    "engagement": 0.025,
                },
            }
        ]

    def test_a_later_reading_shows_later_figures(self, sandbox: SandboxServer) -> None:
        sandbox.clock.advance(86_400)
        (element,) = get(sandbox, f"{STATISTICS}&shares={encoded_list(IMAGE)}").json()["elements"]
        assert element["totalShareStatistics"]["likeCount"] == 44

    def test_both_lists_in_one_call(self, sandbox: SandboxServer) -> None:
        path = f"{STATISTICS}&shares={encoded_list(IMAGE)}&ugcPosts={encoded_list(VIDEO, NEGATIVE)}"
        elements = get(sandbox, path).json()["elements"]
        assert [each.get("share") or each["ugcPost"] for each in elements] == [IMAGE, VIDEO, NEGATIVE]
        assert sandbox.requests[-1].posts_returned == 3

    def test_a_negative_like_count_stays(self, sandbox: SandboxServer) -> None:
        (element,) = get(sandbox, f"{STATISTICS}&ugcPosts={encoded_list(NEGATIVE)}").json()["elements"]
        assert element["totalShareStatistics"]["likeCount"] == -1
        assert element["totalShareStatistics"]["engagement"] == 0.0

    def test_what_the_platform_does_not_report_is_left_out(self, sandbox: SandboxServer) -> None:
        (element,) = get(sandbox, f"{STATISTICS}&ugcPosts={encoded_list(VIDEO)}").json()["elements"]
        assert element["totalShareStatistics"] == {"impressionCount": 10, "likeCount": 1, "engagement": 0.1}

    def test_unique_impressions_may_be_withheld(self, sandbox: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.state.world.linkedin, "withhold_unique_impressions", True)
        (element,) = get(sandbox, f"{STATISTICS}&shares={encoded_list(IMAGE)}").json()["elements"]
        assert "uniqueImpressionsCount" not in element["totalShareStatistics"]

    @pytest.mark.parametrize("silent", [QUIET, UNREAD, GONE, OLD, "urn:li:share:9", "urn:li:share:1"])
    def test_no_activity_deleted_old_unknown_and_foreign_posts_are_left_out(
        self, sandbox: SandboxServer, silent: str
    ) -> None:
        elements = get(sandbox, f"{STATISTICS}&shares={encoded_list(silent, IMAGE)}").json()["elements"]
        assert [each["share"] for each in elements] == [IMAGE]

    def test_a_ugc_post_among_shares_is_400(self, sandbox: SandboxServer) -> None:
        assert get(sandbox, f"{STATISTICS}&shares={encoded_list(VIDEO)}").status_code == 400

    def test_posts_together_with_time_intervals_are_400(self, sandbox: SandboxServer) -> None:
        span = intervals(NOW - timedelta(days=5), NOW, "DAY")
        assert get(sandbox, f"{STATISTICS}{span}").status_code == 200
        assert get(sandbox, f"{STATISTICS}{span}&shares={encoded_list(IMAGE)}").status_code == 400

    def test_the_list_may_be_encoded_altogether(self, sandbox: SandboxServer) -> None:
        raw = f"List({IMAGE})"
        for sent in (quote(raw, safe=""), quote(encoded_list(IMAGE), safe="")):
            (element,) = get(sandbox, f"{STATISTICS}&shares={sent}").json()["elements"]
            assert element["share"] == IMAGE

    @pytest.mark.parametrize(
        "wrong", [f"List({IMAGE})", "List(", "List(a,)", "List()", IMAGE, "List(a)x", "List((a:b))"]
    )
    def test_bad_lists_are_400(self, sandbox: SandboxServer, wrong: str) -> None:
        answer = get(sandbox, f"{STATISTICS}&shares={wrong}")
        assert answer.status_code == 400
        assert answer.json()["message"] == "Invalid query parameters passed to request"

    @pytest.mark.parametrize(
        "path",
        [
            f"{STATISTICS}&start=0",
            f"{STATISTICS}&fields=likeCount",
            f"{finder()}&publishedAfter=1788220800000",
            f"/rest/posts/{quote(IMAGE, safe='')}?projection=(id)",
            f"/rest/socialMetadata?ids=List({quote(IMAGE, safe='')})&count=5",
            f"/rest/networkSizes/{quote(PAGE, safe='')}?edgeType=COMPANY_FOLLOWED_BY_MEMBER&q=x",
            f"/rest/videoAnalytics?q=entity&entity={quote(VIDEO, safe='')}&type=VIDEO_VIEW&metric=VIEWER",
            "/rest/organizationPageStatistics?q=organizationalEntity&organizationalEntity=" + quote(PAGE, safe=""),
        ],
    )
    def test_parameters_that_a_resource_does_not_have_are_400(self, sandbox: SandboxServer, path: str) -> None:
        assert get(sandbox, path).status_code == 400

    def test_lifetime_of_the_page(self, sandbox: SandboxServer) -> None:
        (element,) = get(sandbox, STATISTICS).json()["elements"]
        assert element.keys() == {"organizationalEntity", "totalShareStatistics"}
        assert element["totalShareStatistics"]["impressionCount"] == 5010, "the old and the deleted post do not count"
        assert element["totalShareStatistics"]["likeCount"] == 40

    def test_days_of_the_page(self, sandbox: SandboxServer) -> None:
        span = intervals(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 9, 2, tzinfo=UTC), "DAY")
        (element,) = get(sandbox, STATISTICS + span).json()["elements"]
        assert element["timeRange"] == {"start": 1788220800000, "end": 1788307200000}
        assert element["totalShareStatistics"] == {
            "impressionCount": 810,
            "uniqueImpressionsCounts": 500,
            "clickCount": 12,
            "likeCount": 9,
            "commentCount": 1,
            "shareCount": 0,
            "engagement": 22 / 810,
        }

    def test_months_of_the_page(self, sandbox: SandboxServer) -> None:
        span = intervals(datetime(2026, 8, 15, tzinfo=UTC), NOW, "MONTH")
        (element,) = get(sandbox, STATISTICS + span).json()["elements"]
        assert element["timeRange"] == {"start": 1788220800000, "end": 1790812800000}
        assert element["totalShareStatistics"]["impressionCount"] == 1210

    def test_twelve_months_window(self, sandbox: SandboxServer) -> None:
        sandbox.clock.set(datetime(2027, 9, 2, 6, tzinfo=UTC))
        span = intervals(datetime(2026, 8, 1, tzinfo=UTC), NOW, "DAY")
        (element,) = get(sandbox, STATISTICS + span).json()["elements"]
        assert element["totalShareStatistics"]["impressionCount"] == 400, "the first of September is out of reach"

    def test_weeks_are_not_offered_here(self, sandbox: SandboxServer) -> None:
        assert get(sandbox, STATISTICS + intervals(NOW - timedelta(days=9), NOW, "WEEK")).status_code == 400


class TestOtherStatistics:
    FOLLOWERS = STATISTICS.replace("ShareStatistics", "FollowerStatistics")

    def test_follower_gains_stop_two_days_ago_and_may_be_negative(self, sandbox: SandboxServer) -> None:
        start = round(datetime(2026, 9, 1, tzinfo=UTC).timestamp() * 1000)
        span = f"&timeIntervals=(timeRange:(start:{start}),timeGranularityType:DAY)"
        elements = get(sandbox, self.FOLLOWERS + span).json()["elements"]
        assert [each["followerGains"]["organicFollowerGain"] for each in elements] == [12, -3]
        assert elements[0]["timeRange"]["end"] == elements[1]["timeRange"]["start"]

    def test_follower_gains_need_a_start_within_twelve_months(self, sandbox: SandboxServer) -> None:
        assert get(sandbox, self.FOLLOWERS + intervals(NOW - timedelta(days=500), NOW, "DAY")).status_code == 400
        missing = "&timeIntervals=(timeRange:(end:1788220800000),timeGranularityType:DAY)"
        assert get(sandbox, self.FOLLOWERS + missing).status_code == 400

    def test_follower_facets(self, sandbox: SandboxServer) -> None:
        (element,) = get(sandbox, self.FOLLOWERS).json()["elements"]
        assert len([name for name in element if name.startswith("followerCountsBy")]) == 7
        assert "totalFollowerCounts" not in element

    def test_network_size_is_the_followers_of_now(self, sandbox: SandboxServer) -> None:
        path = f"/rest/networkSizes/{quote(PAGE, safe='')}?edgeType="
        assert get(sandbox, path + "COMPANY_FOLLOWED_BY_MEMBER").json() == {"firstDegreeSize": 914}
        assert get(sandbox, path + "CompanyFollowedByMember").status_code == 400
        legacy = get(sandbox, path.replace("/rest/", "/v2/") + "CompanyFollowedByMember", headers={})
        assert legacy.json() == {"firstDegreeSize": 914}

    def test_reactions_by_type(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/rest/socialMetadata/{quote(IMAGE, safe='')}").json()
        assert body["reactionSummaries"] == {
            "LIKE": {"reactionType": "LIKE", "count": 40},
            "EMPATHY": {"reactionType": "EMPATHY", "count": 4},
        }
        assert body["commentSummary"]["count"] == 10
        batch = get(sandbox, f"/rest/socialMetadata?ids={encoded_list(IMAGE, GONE)}").json()
        assert batch["results"][IMAGE] == body
        assert batch["statuses"][GONE] == 404

    def test_legacy_social_actions(self, sandbox: SandboxServer) -> None:
        body = get(sandbox, f"/v2/socialActions/{quote(IMAGE, safe='')}", headers={}).json()
        assert body["likesSummary"]["totalLikes"] == 40
        assert body["commentsSummary"]["aggregatedTotalComments"] == 10

    @pytest.mark.parametrize(
        ("kind", "value"), [("VIDEO_VIEW", 7), ("TIME_WATCHED", 84_500), ("TIME_WATCHED_FOR_VIDEO_VIEWS", 84_500)]
    )
    def test_video_metrics_are_one_a_call_and_in_milliseconds(
        self, sandbox: SandboxServer, kind: str, value: int
    ) -> None:
        path = f"/rest/videoAnalytics?q=entity&entity={quote(VIDEO, safe='')}&type={kind}"
        (element,) = get(sandbox, path).json()["elements"]
        assert (element["statisticsType"], element["value"], element["entity"]) == (kind, value, VIDEO)

    def test_video_metrics_per_day(self, sandbox: SandboxServer) -> None:
        span = f"timeRange=(start:{round((NOW - timedelta(days=3)).timestamp() * 1000)},"
        span += f"end:{round(NOW.timestamp() * 1000)})"
        path = f"/rest/videoAnalytics?q=entity&entity={quote(VIDEO, safe='')}&type=VIDEO_VIEW&aggregation=DAY&{span}"
        values = [each["value"] for each in get(sandbox, path).json()["elements"]]
        assert values == [7, 0], "all seven views came on the day of the first reading"

    def test_no_video_figures_for_shares_and_viewers(self, sandbox: SandboxServer) -> None:
        for entity, kind in ((IMAGE, "VIDEO_VIEW"), (VIDEO, "VIEWER")):
            path = f"/rest/videoAnalytics?q=entity&entity={quote(entity, safe='')}&type={kind}"
            assert get(sandbox, path).json()["elements"] == []

    def test_administered_pages_and_names(self, sandbox: SandboxServer) -> None:
        acls = get(sandbox, "/rest/organizationAcls?q=roleAssignee&role=ADMINISTRATOR&state=APPROVED").json()
        assert [each["organization"] for each in acls["elements"]] == [PAGE]
        legacy = get(sandbox, "/v2/organizationalEntityAcls?q=roleAssignee", headers={}).json()
        assert [each["organizationalTarget"] for each in legacy["elements"]] == [PAGE]
        assert get(sandbox, "/rest/organizations/101").json()["localizedName"] == "Acme Works"
        many = get(sandbox, "/rest/organizations?ids=List(101,999)").json()
        assert many["statuses"] == {"101": 200, "999": 404}

    def test_unknown_resources_and_writes_are_404(self, sandbox: SandboxServer) -> None:
        assert get(sandbox, "/rest/shares").status_code == 404
        assert get(sandbox, "/nowhere").status_code == 404
        answer = requests.post(
            f"{sandbox.url}/linkedin/rest/posts", headers={**HEADERS, "Authorization": "Bearer good"}, timeout=5
        )
        assert answer.status_code == 404
