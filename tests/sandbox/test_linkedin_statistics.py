"""LinkedIn's simulator checklist (linkedin.md §10) over HTTP: statistics of posts and of the page."""

from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
import requests

from analytics_pipeline.sandbox.server import SandboxServer
from tests.sandbox.linkedin_world import (
    FOREIGN,
    GONE,
    HEADERS,
    IMAGE,
    NEGATIVE,
    NOW,
    OLD,
    PAGE,
    QUIET,
    STATISTICS,
    UNREAD,
    VIDEO,
    at_noon,
    encoded_list,
    finder,
    get,
    intervals,
    served,
)

sandbox, _at_noon = served, at_noon


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

    @pytest.mark.parametrize("silent", [QUIET, UNREAD, GONE, OLD, "urn:li:share:9000", FOREIGN])
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
        ("path", "urn"),
        [
            ("/rest/posts/{}", IMAGE),
            ("/rest/posts?q=author&author={}", PAGE),
            ("/rest/organizationalEntityShareStatistics?q=organizationalEntity&organizationalEntity={}", PAGE),
            ("/rest/organizationalEntityFollowerStatistics?q=organizationalEntity&organizationalEntity={}", PAGE),
            ("/rest/organizationPageStatistics?q=organization&organization={}", PAGE),
            ("/rest/networkSizes/{}?edgeType=COMPANY_FOLLOWED_BY_MEMBER", PAGE),
            ("/rest/socialMetadata/{}", IMAGE),
            ("/rest/videoAnalytics?q=entity&type=VIDEO_VIEW&entity={}", VIDEO),
        ],
    )
    def test_a_urn_that_is_not_encoded_is_400(self, sandbox: SandboxServer, path: str, urn: str) -> None:
        assert get(sandbox, path.format(quote(urn, safe=""))).status_code == 200
        for half in (urn, urn.replace("urn:li:", "urn%3Ali:")):
            answer = get(sandbox, path.format(half))
            assert answer.status_code == 400
            assert answer.json()["message"] == "Invalid query parameters passed to request"

    def test_the_rule_of_encoding_is_that_of_rest_li_2(self, sandbox: SandboxServer) -> None:
        path = f"/v2/networkSizes/{PAGE}?edgeType=CompanyFollowedByMember"
        assert [get(sandbox, path, headers=sent).status_code for sent in ({}, HEADERS)] == [200, 400]

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

    def test_no_bucket_holds_a_day_to_come(self, sandbox: SandboxServer) -> None:
        sandbox.clock.set(datetime(2026, 9, 1, 18, tzinfo=UTC))
        span = intervals(datetime(2026, 9, 1, tzinfo=UTC), NOW, "MONTH")
        (element,) = get(sandbox, STATISTICS + span).json()["elements"]
        assert element["totalShareStatistics"]["impressionCount"] == 810

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

    @pytest.mark.parametrize(("granularity", "gains"), [("WEEK", [12, -3]), ("MONTH", [9])])
    def test_weeks_and_months_of_gains_stop_two_days_ago_too(
        self, sandbox: SandboxServer, granularity: str, gains: list[int]
    ) -> None:
        start = datetime(2026, 9, 1, tzinfo=UTC)
        elements = get(sandbox, self.FOLLOWERS + intervals(start, NOW, granularity)).json()["elements"]
        assert [each["followerGains"]["organicFollowerGain"] for each in elements] == gains

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
