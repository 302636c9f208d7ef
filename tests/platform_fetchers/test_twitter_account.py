"""X's timeline and account figures over real HTTP: windows, paging, edits, what is listed and what is not."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    PermissionDeniedError,
    PostAbsentError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.metrics import AccountDay, ListedPost
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request
from tests.platform_fetchers.x_account import USER, XAccount, account_fetcher, item, served_account

YOUNG = NOW - timedelta(days=5)
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))


account, fetcher = served_account, account_fetcher


def listed(fetcher: TwitterAnalyticsFetcher, start: datetime, end: datetime) -> dict[str, ListedPost]:
    posts = [post for page in fetcher.list_posts(start, end) for post in page]
    assert len({post.platform_post_id for post in posts}) == len(posts)
    return {post.platform_post_id: post for post in posts}


def likes(post: ListedPost) -> int | None:
    assert post.reading is not None
    assert post.reading.platform_post_id == post.platform_post_id
    return None if post.reading.analytics is None else post.reading.analytics["likes_count"]


# --- listing


def test_a_listing_carries_the_figures(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    one = account.publish(YOUNG, media={"13_1": {"type": "video", "public_metrics": {"view_count": 7}}})
    (post,) = listed(fetcher, YOUNG, NOW).values()
    assert (post.platform_post_id, post.published_at, post.post_type) == (one, YOUNG, "video")
    assert post.platform_post_url == f"https://x.com/i/status/{one}"
    assert post.reading is not None
    assert post.reading.analytics is not None
    assert (post.reading.analytics["url_clicks"], post.reading.analytics["video_views"]) == (61, 7)
    assert len(server.requests) == 1


def test_a_thousand_posts_are_listed_with_their_figures_in_few_calls(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    ids = [account.publish(NOW - timedelta(minutes=1 + 30 * n)) for n in range(1000)]
    found = listed(fetcher, *ALWAYS)
    assert found.keys() == set(ids)
    assert {likes(post) for post in found.values()} == {88}
    assert len(server.requests) == 10 + 1  # the window without private figures, which is empty


def test_private_figures_are_listed_while_they_exist(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    ids = [account.publish(NOW - timedelta(days=n, minutes=1)) for n in range(60)]
    found = listed(fetcher, NOW - timedelta(days=60), NOW)
    assert found.keys() == set(ids)
    clicks = {
        i: post.reading.analytics["url_clicks"] for i, post in found.items() if post.reading and post.reading.analytics
    }
    assert [clicks[i] for i in ids] == [61] * 30 + [None] * 30
    assert ["non_public" in request.target for request in server.requests] == [True, False]


def test_no_post_is_lost_where_private_figures_end(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    border = NOW - timedelta(days=30)
    ids = [account.publish(border + timedelta(seconds=n * 300 + 0.5)) for n in range(-20, 20)]
    assert listed(fetcher, border - timedelta(days=1), border + timedelta(days=1)).keys() == set(ids)


def test_empty_pages_do_not_end_the_listing(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    ids = [account.publish(YOUNG - timedelta(hours=n)) for n in range(25)]
    account.empty_pages, account.page_size = 3, 10
    assert listed(fetcher, NOW - timedelta(days=20), NOW).keys() == set(ids)


def test_a_token_that_comes_back_ends_the_listing(server: PlatformServer, fetcher: TwitterAnalyticsFetcher) -> None:
    server.script(Answer(json={"meta": {"result_count": 0, "next_token": "again"}}))
    assert listed(fetcher, YOUNG, NOW) == {}
    assert len(server.requests) == 2


def test_empty_pages_without_end_are_given_up(server: PlatformServer, fetcher: TwitterAnalyticsFetcher) -> None:
    server.answer = lambda _: Answer(json={"meta": {"result_count": 0, "next_token": f"n{len(server.requests)}"}})
    with pytest.raises(TransientError, match="empty pages"):
        listed(fetcher, YOUNG, NOW)
    assert len(server.requests) == 100


def test_nothing_published_is_no_error(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    assert listed(fetcher, *ALWAYS) == {}
    assert listed(fetcher, NOW, NOW) == {}


def test_retweets_are_not_listed_replies_are(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    account.publish(YOUNG, referenced_tweets=[{"type": "retweeted", "id": "5"}])
    reply = account.publish(YOUNG, referenced_tweets=[{"type": "replied_to", "id": "5"}])
    assert listed(fetcher, *ALWAYS).keys() == {reply}


@pytest.mark.parametrize(
    ("media", "attachments", "kind"),
    [
        ({}, None, "text"),
        ({"3_1": {"type": "photo"}}, None, "image"),
        ({"16_1": {"type": "animated_gif"}}, None, "image"),
        ({"3_1": {"type": "photo"}, "13_2": {"type": "video"}}, None, "video"),
        ({}, {"poll_ids": ["1"]}, "poll"),
        ({}, {"media_keys": "?"}, "text"),
    ],
)
def test_post_types(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, media: dict[str, Any], attachments: Any, kind: str
) -> None:
    one = account.publish(YOUNG, media=media, **({"attachments": attachments} if attachments else {}))
    assert listed(fetcher, *ALWAYS)[one].post_type == kind


def test_bad_rows_cost_themselves_only(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    good, bad, timeless = (account.publish(YOUNG) for _ in range(3))
    account.posts[bad]["public_metrics"] = {"like_count": []}
    rows = [account.posts[good], account.posts[bad], {**account.posts[timeless], "created_at": "?"}, {"id": 5}, None]
    server.script(Answer(json={"data": rows, "meta": {"result_count": 5}}))
    found = listed(fetcher, YOUNG, NOW)
    assert found.keys() == {good, bad, timeless}
    assert (found[timeless].published_at, likes(found[timeless])) == (YOUNG, 88), "its id tells its time"
    reading = found[bad].reading
    assert reading is not None
    assert isinstance(reading.error, BadDataError)


def test_a_single_post_that_came_bare_is_listed_with_its_error(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    one = account.publish(YOUNG)
    server.script(Answer(json={"data": [{"id": one, "text": "…"}], "meta": {"result_count": 1}}))
    found = listed(fetcher, YOUNG, NOW)
    assert {i: post.published_at for i, post in found.items()} == {one: YOUNG}
    reading = found[one].reading
    assert reading is not None
    assert (reading.analytics, type(reading.error)) == (None, BadDataError)


def test_a_listing_without_times_stops_at_once(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    for _ in range(150):
        account.publish(YOUNG)
    for row in account.posts.values():
        row["published"] = row.pop("created_at")
    rows = list(account.posts.values())[:100]
    server.script(Answer(json={"data": rows, "meta": {"result_count": 100, "next_token": "more"}}))
    with pytest.raises(ConfigurationError, match="created_at"):
        listed(fetcher, YOUNG, NOW)
    assert len(server.requests) == 1, "every post that is read is billed"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    offsets=st.lists(st.integers(-5, 86_400_005), unique=True, max_size=20), days=st.sampled_from([3, 29, 30, 31, 300])
)
def test_the_day_is_half_open(server: PlatformServer, offsets: list[int], days: int) -> None:
    account = XAccount(NOW)
    server.answer = account.answer
    midnight = NOW.replace(hour=0) - timedelta(days=days)
    moments = {}
    for offset in offsets:
        moment = midnight + timedelta(milliseconds=offset)
        moments[account.publish(moment)] = moment
    fetcher = TwitterAnalyticsFetcher.for_account(TOKEN, USER, base_url=server.url, clock=lambda: NOW)
    found = listed(fetcher, midnight, midnight + timedelta(days=1))
    fetcher.close()
    assert {i: post.published_at for i, post in found.items()} == {
        i: moment for i, moment in moments.items() if moment.date() == midnight.date()
    }


def test_the_end_is_only_sent_if_it_is_past(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    listed(fetcher, YOUNG, NOW + timedelta(days=1))
    listed(fetcher, YOUNG, YOUNG + timedelta(days=1))
    assert [request.query.get("end_time") for request in server.requests] == [None, "2026-08-28T13:00:01Z"]
    assert {request.query["start_time"] for request in server.requests} == {"2026-08-27T12:00:00Z"}


# --- edits


def test_an_edited_post_keeps_its_first_id_and_time(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    chains = [account.edit(account.publish(YOUNG - timedelta(hours=n))) for n in range(3)]
    plain = account.publish(YOUNG)
    found = listed(fetcher, *ALWAYS)
    assert found.keys() == {plain, *(chain[0] for chain in chains)}
    assert found[chains[0][0]].published_at == YOUNG
    assert likes(found[chains[0][0]]) == 2 * 88
    assert len(server.requests) == 2 + 1


def test_an_edit_after_midnight_leaves_the_post_on_its_day(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    midnight = NOW.replace(hour=0) - timedelta(days=3)
    (first, _) = account.edit(account.publish(midnight - timedelta(minutes=5)))
    day = timedelta(days=1)
    assert listed(fetcher, midnight - day, midnight).keys() == {first}
    assert listed(fetcher, midnight, midnight + day).keys() == set()


def test_an_edited_post_whose_first_version_is_missing_has_no_figures(
    account: XAccount, fetcher: TwitterAnalyticsFetcher
) -> None:
    first, _ = account.edit(account.publish(YOUNG))
    del account.posts[first]
    (post,) = listed(fetcher, *ALWAYS).values()
    assert post.platform_post_id == first
    assert post.reading is not None
    assert isinstance(post.reading.error, PostAbsentError)


# --- tokens that see less


@pytest.mark.parametrize("hidden", [False, True])
def test_a_token_without_private_figures_lists_all_the_same(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer, hidden: bool
) -> None:
    account.own, account.refused_are_hidden = False, hidden
    ids = [account.publish(YOUNG - timedelta(hours=n)) for n in range(150)]
    assert listed(fetcher, NOW - timedelta(days=20), NOW).keys() == set(ids)
    assert len(server.requests) == (3 if hidden else 2)


def test_one_post_without_private_figures_costs_the_others_nothing(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    ids = [account.publish(YOUNG - timedelta(hours=n)) for n in range(5)]

    def answer(request: Request) -> Answer:
        said = account.answer(request)
        if request.path.endswith("/tweets") and ids[2] not in request.query.get("ids", ""):
            said.json["data"] = [row for row in said.json["data"] if row["id"] != ids[2]]
            said.json["errors"] = [item(ids[2], "not-authorized-for-field")]
        return said

    server.answer = answer
    found = listed(fetcher, NOW - timedelta(days=20), NOW)
    clicks = {post: found[post].reading.analytics["url_clicks"] for post in ids}  # type: ignore[union-attr, index]
    assert clicks == {post: None if post == ids[2] else 61 for post in ids}
    assert likes(found[ids[2]]) == 88
    assert len(server.requests) == 2


def test_where_the_post_cannot_be_read_by_its_id_the_page_is_asked_for_without_private_figures(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    ids = [account.publish(YOUNG - timedelta(hours=n)) for n in range(5)]

    def answer(request: Request) -> Answer:
        if request.path == "/2/tweets":
            return Answer(429, json={"title": "Too Many Requests"}, headers={"x-rate-limit-reset": "4102444800"})
        said = account.answer(request)
        if "non_public_metrics" in request.query["tweet.fields"]:
            said.json["data"] = [row for row in said.json["data"] if row["id"] != ids[2]]
            said.json["errors"] = [item(ids[2], "not-authorized-for-field")]
        return said

    server.answer = answer
    found = listed(fetcher, NOW - timedelta(days=20), NOW)
    assert {post: likes(found[post]) for post in ids} == dict.fromkeys(ids, 88)


def test_a_page_token_that_expired_lets_the_listing_begin_again(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    for n in range(150):
        account.publish(YOUNG - timedelta(minutes=n))
    kind = "https://api.twitter.com/2/problems/invalid-request"
    refusal = {"title": "Invalid Request", "detail": "The `pagination_token` [x] is not valid", "type": kind}

    def answer(request: Request) -> Answer:
        return Answer(400, json=refusal) if "pagination_token" in request.query else account.answer(request)

    server.answer = answer
    pages = fetcher.list_posts(NOW - timedelta(days=20), NOW)
    assert len(next(pages)) == 100
    with pytest.raises(TransientError, match="begins again"):
        next(pages)

    server.answer = lambda _: Answer(400, json=refusal)
    with pytest.raises(ConfigurationError):
        listed(fetcher, YOUNG, NOW)


def test_an_unknown_account_is_no_deleted_post(server: PlatformServer, fetcher: TwitterAnalyticsFetcher) -> None:
    unknown = {**item(USER, "resource-not-found"), "resource_type": "user", "parameter": "id"}
    for status in (200, 404):
        server.script(Answer(status, {"errors": [unknown]}))
        with pytest.raises(ConfigurationError, match=USER):
            listed(fetcher, YOUNG, NOW)
        with pytest.raises(ConfigurationError, match=USER):
            fetcher.fetch_account_days(NOW.date(), NOW.date())


def test_a_protected_account_is_a_matter_of_permission(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher
) -> None:
    protected = {**item(USER, "not-authorized-for-resource"), "resource_type": "user"}
    server.script(Answer(json={"errors": [protected]}))
    with pytest.raises(PermissionDeniedError):
        listed(fetcher, YOUNG, NOW)


def test_pages_that_came_before_a_fault_are_kept(account: XAccount, server: PlatformServer, slept: list[float]) -> None:
    for n in range(150):
        account.publish(YOUNG - timedelta(hours=n))
    server.answer = lambda r: Answer(500, {}) if "pagination_token" in r.query else account.answer(r)
    fetcher = TwitterAnalyticsFetcher.for_account(
        TOKEN, USER, base_url=server.url, clock=lambda: NOW, sleep=slept.append
    )
    pages = fetcher.list_posts(NOW - timedelta(days=20), NOW)
    assert len(next(pages)) == 100
    with pytest.raises(TransientError):
        next(pages)
    fetcher.close()


# --- the account


def test_without_a_user_id_the_token_tells(account: XAccount, server: PlatformServer) -> None:
    one = account.publish(YOUNG)
    fetcher = TwitterAnalyticsFetcher(TOKEN, base_url=server.url, clock=lambda: NOW)
    assert listed(fetcher, YOUNG, NOW).keys() == {one}
    assert listed(fetcher, YOUNG, NOW).keys() == {one}
    fetcher.close()
    assert [request.path for request in server.requests] == ["/2/users/me", *["/2/users/2200000001/tweets"] * 2]


def test_user_metrics_in_both_vocabularies(server: PlatformServer, fetcher: TwitterAnalyticsFetcher) -> None:
    levels = {"followers_count": 5120, "following_count": 88, "listed_count": 31, "like_count": 640}
    for name in ("tweet_count", "post_count"):
        server.script(Answer(json={"data": {"id": "9", "public_metrics": {**levels, name: 1402}}}))
        assert fetcher.fetch_user_metrics("9") == {**levels, "tweet_count": 1402}
    assert server.requests[-1].path == "/2/users/9"
    assert server.requests[-1].query == {"user.fields": "public_metrics"}
    server.script(Answer(json={}))
    with pytest.raises(BadDataError):
        fetcher.fetch_user_metrics("9")


@pytest.mark.parametrize("name", ["tweet_count", "post_count"])
def test_an_account_with_more_posts_than_x_lists_is_told(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher, name: str
) -> None:
    for posts, told in (3200, False), (3201, True):
        metrics = {"followers_count": 5120, name: posts}
        server.script(Answer(json={"data": {"id": USER, "public_metrics": metrics}}))
        fetcher.fetch_account_days(NOW.date(), NOW.date())
        assert ("3,201 posts" in (fetcher.unlisted or "")) == told


def test_followers_are_known_for_today_only(server: PlatformServer, fetcher: TwitterAnalyticsFetcher) -> None:
    server.script(Answer(json={"data": {"id": USER, "public_metrics": {"followers_count": 5120}}}))
    today = AccountDay(date(2026, 9, 1), {"followers": 5120})
    assert fetcher.fetch_account_days(date(2026, 8, 1), date(2026, 9, 1)) == [today]
    assert fetcher.fetch_account_days(date(2026, 8, 1), date(2026, 8, 31)) == []
    assert fetcher.fetch_account_days(date(2026, 9, 2), date(2026, 9, 3)) == []
    assert len(server.requests) == 1
