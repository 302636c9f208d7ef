"""LinkedIn's fetcher over real HTTP: details of posts, and their ration."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    PostAbsentError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.settings import get_settings
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.linkedin_page import (
    FIGURES,
    NOT_FOUND,
    STATISTICS,
    everything,
    page_fetcher,
    page_of,
    paths,
    refs,
    share,
    statistics,
    ugc,
)
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request

fetcher = page_fetcher


# --- one post and its details


def test_what_ends_the_account_leaves_the_videos_that_were_read(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    young = [PostRef(ugc(n), NOW - timedelta(days=1), "video") for n in range(3)]
    old = [PostRef(ugc(n), NOW - timedelta(days=100), "text") for n in range(3, 60)]
    posts = statistics({ref.platform_post_id: FIGURES for ref in [*young, *old]})
    asked = 0

    def said(request: Request) -> Answer:
        nonlocal asked
        asked += request.path == STATISTICS
        if request.path == STATISTICS and asked == 2:
            return Answer(status=429, json={"status": 429, "serviceErrorCode": 101})
        return posts(request) if request.path == STATISTICS else NOT_FOUND

    server.answer = said
    read: list[PostReading] = []
    with pytest.raises(RateLimitError):
        read.extend(fetcher.fetch_many([*young, *old]))
    assert len(read) == 50
    assert {ref.platform_post_id for ref in young} <= {r.platform_post_id for r in read if r.analytics is not None}


def test_a_deleted_post_is_told_from_an_absent_one(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = statistics({})
    with pytest.raises(PostNotFoundError, match="post 1: ") as caught:
        fetcher.fetch_post_analytics("1", share(1))
    assert (caught.value.post_id, caught.value.status_code) == (share(1), 404)

    server.answer = lambda r: Answer(json={"elements": []} if r.path == STATISTICS else {"id": share(1)})
    with pytest.raises(PostAbsentError):
        fetcher.fetch_post_analytics("1", share(1))


def test_reactions_of_all_types_are_added_up(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    summaries = {"LIKE": {"reactionType": "LIKE", "count": 30}, "PRAISE": {"count": 6}, "EMPATHY": {"count": 4}}
    posts = statistics({share(1): FIGURES})
    metadata = {"entity": share(1), "reactionSummaries": summaries}
    server.answer = lambda r: Answer(json=metadata) if "socialMetadata" in r.path else posts(r)
    assert fetcher.fetch_post_analytics("1", share(1))["reactions_count"] == 40
    assert server.requests[-1].target == f"/rest/socialMetadata/{share(1).replace(':', '%3A')}"


@pytest.mark.parametrize(
    "details",
    [
        Answer(status=403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"}),
        Answer(status=429, json={"status": 429, "serviceErrorCode": 101}),
        Answer(json={"reactionSummaries": {"LIKE": {"count": "many"}}, "elements": [{"value": {}}, 3]}),
        Answer(json={"reactionSummaries": {"LIKE": None}, "elements": []}),
        Answer(json=[]),
    ],
)
def test_details_never_cost_the_figures(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, details: Answer
) -> None:
    posts = statistics({ugc(1): FIGURES})
    server.answer = lambda r: posts(r) if r.path == STATISTICS else details
    analytics = fetcher.fetch_post_analytics("1", ugc(1))
    assert analytics["likes_count"] == 40
    assert (analytics["reactions_count"], analytics["video_views"], analytics["video_watch_time"]) == (None, None, None)


def test_watch_time_is_seconds(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    posts = statistics({ugc(1): FIGURES})
    values = {"VIDEO_VIEW": 120, "TIME_WATCHED": 845_500}

    def answer(request: Request) -> Answer:
        if request.path != "/rest/videoAnalytics":
            return posts(request)
        assert (request.query["q"], request.query["entity"]) == ("entity", ugc(1))
        kind = request.query["type"]
        return Answer(json={"elements": [{"entity": ugc(1), "statisticsType": kind, "value": values[kind]}]})

    server.answer = answer
    analytics = fetcher.fetch_post_analytics("1", ugc(1))
    assert (analytics["video_views"], analytics["video_watch_time"]) == (120, 845.5)


def test_many_posts_never_ask_for_details(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = statistics({ugc(1): FIGURES})
    list(fetcher.fetch_many(refs(ugc(1))))
    assert [request.path for request in server.requests] == [STATISTICS]


# --- details of many posts, and their ration


def test_reactions_come_fifty_posts_a_call(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = everything
    readings = list(fetcher.fetch_many(page_of(120)))
    assert [r.analytics["reactions_count"] for r in readings if r.analytics] == [3] * 120
    assert paths(server) == {"organizationalEntityShareStatistics": 3, "socialMetadata": 3}
    assert readings[0].raw["socialMetadata"]["reactionSummaries"]["PRAISE"] == {"count": 1}


def test_videos_have_views_and_seconds(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    server.answer = everything
    (reading,) = fetcher.fetch_many(page_of(1, "video"))
    assert reading.analytics is not None
    assert (reading.analytics["video_views"], reading.analytics["video_watch_time"]) == (9, 5.0)
    assert paths(server)["videoAnalytics"] == 2


def test_details_are_for_the_young_and_within_their_ration(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    server.answer = everything
    readings = {r.platform_post_id: r.analytics for r in fetcher.fetch_many(page_of(1000, "video"))}
    assert paths(server) == {"organizationalEntityShareStatistics": 20, "socialMetadata": 8}, "reactions first"
    known = {urn for urn, analytics in readings.items() if analytics and analytics["reactions_count"] is not None}
    assert known == {ugc(n) for n in range(400)}
    assert len(readings) == 1000

    server.requests.clear()
    old = [PostRef(ugc(1), NOW - timedelta(days=31), "video"), PostRef(ugc(2), None, "video")]
    assert all(r.analytics for r in fetcher.fetch_many(old))
    assert paths(server) == {"organizationalEntityShareStatistics": 1}


def test_batches_that_an_app_may_not_send_are_tried_once(server: PlatformServer, slept: list[float]) -> None:
    denied = Answer(status=403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"})
    server.answer = lambda r: denied if "socialMetadata" in r.path else everything(r)
    for dead in (set[str](), {"socialMetadata", "socialMetadata.BATCH_GET"}):
        fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
        fetcher.denied_metrics |= dead
        assert [bool(r.analytics) for r in fetcher.fetch_many(page_of(120))] == [True] * 120
        assert fetcher.denied_metrics == {"socialMetadata", "socialMetadata.BATCH_GET"}
        assert fetcher.dead_metrics == set(), "another page's token may see them"
        fetcher.close()
    asked = [request.target for request in server.requests if "socialMetadata" in request.path]
    assert [target.partition("?")[0] for target in asked] == [
        "/rest/socialMetadata",
        f"/rest/socialMetadata/{ugc(0).replace(':', '%3A')}",
    ], "one post tells a missing scope from the tier without batches"


def test_videos_that_a_token_may_not_see_are_tried_once(server: PlatformServer) -> None:
    denied = Answer(status=403, json={"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"})
    server.answer = lambda r: denied if "videoAnalytics" in r.path else everything(r)
    for known in (set[str](), {"videoAnalytics"}):
        fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
        fetcher.denied_metrics |= known
        readings = list(fetcher.fetch_many(page_of(3, "video")))
        assert [r.analytics and r.analytics["reactions_count"] for r in readings] == [3] * 3
        assert fetcher.denied_metrics == {"videoAnalytics"}
        fetcher.close()
    assert paths(server)["videoAnalytics"] == 1


def test_a_video_without_views_is_not_asked_for_its_watch_time(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher
) -> None:
    server.answer = lambda r: Answer(json={"elements": []}) if "videoAnalytics" in r.path else everything(r)
    readings = list(fetcher.fetch_many(page_of(3, "video")))
    assert [r.analytics and r.analytics["video_views"] for r in readings] == [None] * 3
    assert paths(server)["videoAnalytics"] == 3


@pytest.fixture
def many_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A ration for many videos."""
    monkeypatch.setenv("LINKEDIN_DETAIL_CALLS", "50")
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


REFUSAL = Answer(status=400, json={"serviceErrorCode": 0, "message": "Invalid query parameters", "status": 400})


@pytest.mark.usefixtures("many_calls")
@pytest.mark.parametrize(
    ("retired", "known"),
    [({"VIDEO_VIEW"}, (None, 5.0)), ({"TIME_WATCHED"}, (9, None)), ({"VIDEO_VIEW", "TIME_WATCHED"}, (None, None))],
    ids=["VIDEO_VIEW", "TIME_WATCHED", "both"],
)
def test_a_figure_refused_of_all_videos_is_left_out_for_the_page_and_costs_not_the_other_figure(
    server: PlatformServer, retired: set[str], known: tuple[int | None, float | None], caplog: pytest.LogCaptureFixture
) -> None:
    server.answer = lambda r: REFUSAL if r.query.get("type") in retired else everything(r)
    names = {f"videoAnalytics.{kind}" for kind in retired}
    told = 5 * (2 - len(retired))
    for denied, sent in ((set[str](), told + 5 * len(retired)), (names, told)):
        fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
        fetcher.denied_metrics |= denied
        figures = [r.analytics for r in fetcher.fetch_many(page_of(5, "video")) if r.analytics]
        assert [(a["video_views"], a["video_watch_time"]) for a in figures] == [known] * 5
        assert [a["reactions_count"] for a in figures] == [3] * 5
        assert (fetcher.denied_metrics, fetcher.dead_metrics) == (names, set()), "another page's videos may have it"
        assert paths(server)["videoAnalytics"] == sent
        lost = {s.metric for s in fetcher.catalog if names & set(s.asked)}
        assert len(lost) == len(retired)
        fetcher.close()
        server.requests.clear()
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warned) == len(retired), "once, not by every run"
    assert all(f"linkedin: {name} is refused of 5 videos" in " ".join(warned) for name in names)


@pytest.mark.usefixtures("many_calls")
@pytest.mark.parametrize("kinds", [{"VIDEO_VIEW"}, {"VIDEO_VIEW", "TIME_WATCHED"}], ids=["one figure", "both"])
@pytest.mark.parametrize(
    ("odd", "videos"),
    [({0, 1}, 2), ({1, 2, 3, 4}, 5), ({0, 1, 2}, 6)],
    ids=["few", "the newest is told", "older ones are"],
)
def test_odd_videos_that_linkedin_refuses_cost_others_no_figure(
    server: PlatformServer, kinds: set[str], odd: set[int], videos: int
) -> None:
    refused = {ugc(n) for n in odd}
    server.answer = lambda r: (
        REFUSAL if r.query.get("entity") in refused and r.query.get("type") in kinds else everything(r)
    )
    fetcher = LinkedInAnalyticsFetcher(TOKEN, "40012345", base_url=server.url, clock=lambda: NOW)
    read = {r.platform_post_id: r.analytics for r in fetcher.fetch_many(page_of(videos, "video"))}
    fetcher.close()
    known = {urn: (a["video_views"], a["video_watch_time"]) for urn, a in read.items() if a}
    told = (None, None if "TIME_WATCHED" in kinds else 5.0)
    assert known == {ugc(n): told if n in odd else (9, 5.0) for n in range(videos)}
    assert fetcher.denied_metrics | fetcher.dead_metrics == set()
    assert paths(server)["videoAnalytics"] == 2 * videos


@pytest.mark.parametrize("denied", [False, True], ids=["refused", "known to be refused"])
def test_the_views_of_a_single_video_hide_no_watch_time(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, denied: bool
) -> None:
    server.answer = lambda r: REFUSAL if r.query.get("type") == "VIDEO_VIEW" else everything(r)
    fetcher.denied_metrics |= {"videoAnalytics.VIDEO_VIEW"} if denied else set()
    analytics = fetcher.fetch_post_analytics("1", ugc(1))
    assert (analytics["video_views"], analytics["video_watch_time"]) == (None, 5.0)
    assert paths(server)["videoAnalytics"] == (1 if denied else 2)


@pytest.mark.parametrize("where", ["statuses", "errors"])
def test_of_posts_without_statistics_the_deleted_are_told_by_their_entry(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, where: str
) -> None:
    quiet, deleted, old = ugc(1), ugc(2), ugc(3)
    entry = {"statuses": {quiet: 200, deleted: 404}, "errors": {deleted: {"status": 404, "code": "NOT_FOUND"}}}
    metadata = Answer(json={"results": {quiet: {"entity": quiet, "reactionSummaries": {}}}, where: entry[where]})
    server.answer = lambda r: metadata if "socialMetadata" in r.path else Answer(json={"elements": []})
    published = {quiet: NOW, deleted: NOW, old: NOW - timedelta(days=400)}
    found = {r.platform_post_id: r.error for r in fetcher.fetch_many([PostRef(u, t) for u, t in published.items()])}
    assert {urn: type(error) for urn, error in found.items()} == {
        quiet: PostAbsentError,
        deleted: PostNotFoundError,
        old: PostAbsentError,
    }
    assert server.requests[-1].target.count("urn%3Ali") == 2, "what is too old for details is not asked about"


def test_a_throttle_ends_the_details_and_no_reading(server: PlatformServer, fetcher: LinkedInAnalyticsFetcher) -> None:
    throttled = Answer(status=429, json={"status": 429, "serviceErrorCode": 101})
    server.answer = lambda r: throttled if "socialMetadata" in r.path else everything(r)
    assert [bool(r.analytics) for r in fetcher.fetch_many(page_of(120))] == [True] * 120
    assert paths(server)["socialMetadata"] == 1


@pytest.mark.parametrize("failing", ["socialMetadata", "VIDEO_VIEW", "TIME_WATCHED"])
def test_a_detail_that_fails_for_a_passing_reason_is_named_beside_the_figures(
    server: PlatformServer, fetcher: LinkedInAnalyticsFetcher, failing: str
) -> None:
    down = Answer(status=500, json={"status": 500, "message": "Internal Server Error"})
    server.answer = lambda r: down if failing in r.target else everything(r)
    (reading,) = fetcher.fetch_many(page_of(1, "video"))
    assert isinstance(reading.error, TransientError)
    assert reading.analytics is not None
    known = {name: reading.analytics[name] for name in ("reactions_count", "video_views", "video_watch_time")}  # type: ignore[literal-required]
    unknown = {
        "socialMetadata": {"reactions_count"},
        "VIDEO_VIEW": {"video_views", "video_watch_time"},
        "TIME_WATCHED": {"video_watch_time"},
    }
    assert {name for name, figure in known.items() if figure is None} == unknown[failing]
    assert reading.analytics["likes_count"] == 40
