"""X's fetcher over real HTTP: partial answers, private figures, edits (platforms/x.md §4, §5, §7)."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    PermissionDeniedError,
    PlatformAPIError,
    PostAbsentError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
    UnknownReplyError,
)
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from tests.platform_fetchers.conftest import NOW, TOKEN
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request
from tests.platform_fetchers.x_account import PRIVATE, PUBLIC, XAccount, account_fetcher, item, post_id, served_account

ENVELOPE = ["data", "id", "errors", "type", "value", "includes", "media", "meta", "next_token", "resource_id", "status"]
FIELDS = ["media_key", "attachments", "media_keys", "public_metrics", "like_count", "edit_history_tweet_ids", "code"]
KEYS = [*ENVELOPE, *FIELDS, "referenced_tweets"]
"""What the parser looks at, for replies that hold these keys in wrong places."""

YOUNG = NOW - timedelta(days=5)
OLD = NOW - timedelta(days=60)


account, fetcher = served_account, account_fetcher


def refs(*ids: str) -> list[PostRef]:
    return [PostRef(i) for i in ids]


def errors_of(fetcher: TwitterAnalyticsFetcher, *ids: str) -> dict[str, PlatformAPIError | None]:
    return {reading.platform_post_id: reading.error for reading in fetcher.fetch_many(refs(*ids))}


# --- partial answers


@pytest.mark.parametrize(
    ("second", "expected"), [(Answer(402, json={"title": "x"}), RateLimitError), (Answer(503), TransientError)]
)
def test_the_posts_of_an_answer_are_kept_where_asking_for_the_rest_fails(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher, second: Answer, expected: type[PlatformAPIError]
) -> None:
    good, hidden = post_id(YOUNG), post_id(OLD)
    row = {"id": good, "edit_history_tweet_ids": [good], "public_metrics": PUBLIC}
    first = Answer(json={"data": [row], "errors": [item(hidden, "not-authorized-for-field")]})
    server.answer = lambda request: first if good in request.target else second
    readings = {reading.platform_post_id: reading for reading in fetcher.fetch_many(refs(good, hidden))}
    assert readings[good].analytics is not None, "it was paid for"
    assert readings[good].error is None
    assert type(readings[hidden].error) is expected


def test_half_of_a_refused_batch_is_kept_where_the_other_is_throttled(
    server: PlatformServer, account: XAccount, fetcher: TwitterAnalyticsFetcher
) -> None:
    posts = [account.publish(OLD + timedelta(hours=hour)) for hour in range(4)]

    def answer(request: Request) -> Answer:
        if len(request.query["ids"].split(",")) == 4:
            return Answer(400, json={"title": "Invalid Request"})
        return Answer(402, json={"title": "x"}) if posts[0] in request.target else account.answer(request)

    server.answer = answer
    read: list[PostReading] = []
    with pytest.raises(RateLimitError):
        read.extend(fetcher.fetch_many(refs(*posts)))
    assert {reading.platform_post_id for reading in read if reading.analytics} == set(posts[2:]), "it was paid for"


def test_each_missing_post_has_its_own_reason(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher, account: XAccount
) -> None:
    good = account.publish(OLD)
    kinds = {
        "11": ("resource-not-found", PostNotFoundError),
        "12": ("not-authorized-for-resource", PermissionDeniedError),
        "13": ("resource-unavailable", PermissionDeniedError),
        "14": ("disallowed-resource", PermissionDeniedError),
        "15": ("something-new", UnknownReplyError),
        "16": (None, PostAbsentError),
    }
    account.problems = {i: item(i, kind) for i, (kind, _) in kinds.items() if kind}
    found = errors_of(fetcher, good, *kinds)
    assert found.pop(good) is None
    assert {i: type(error) for i, error in found.items()} == {i: error for i, (_, error) in kinds.items()}
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 404])
def test_a_deleted_post_is_told_with_200_or_404(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher, status: int
) -> None:
    deleted = [item("11", "resource-not-found"), item("12", "resource-not-found", host="api.x.com")]
    server.script(Answer(status, {"errors": deleted, "title": "Not Found Error", "type": deleted[0]["type"]}))
    with pytest.raises(PostNotFoundError, match="post 7: ") as caught:
        fetcher.fetch_post_analytics("7", "11")
    assert caught.value.post_id == "11"
    found = errors_of(fetcher, "11", "12")
    assert [type(error) for error in found.values()] == [PostNotFoundError, PostNotFoundError]


def test_a_404_without_errors_is_no_deleted_post(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher, slept: list[float]
) -> None:
    server.script(Answer(404, body=b""))
    with pytest.raises(TransientError):
        fetcher.fetch_post_analytics("7", "11")


def test_200_with_only_an_error_about_nothing_asked_for_is_an_error(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher
) -> None:
    server.script(Answer(json={"errors": [{"title": "Forbidden", "status": 403, "detail": "Forbidden"}]}))
    with pytest.raises(PermissionDeniedError):
        fetcher.fetch_post_analytics("7", "11")
    server.script(Answer(json={}))
    with pytest.raises(PostAbsentError):
        fetcher.fetch_post_analytics("7", "11")


def test_a_field_that_x_could_not_read_is_worth_another_try(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher
) -> None:
    failed = {**item("11", "field-hydration-failure"), "field": "public_metrics"}
    good = {"id": "12", "public_metrics": PUBLIC}
    server.script(Answer(json={"data": [{"id": "11"}, good], "errors": [failed]}))
    found = errors_of(fetcher, "11", "12")
    assert isinstance(found["11"], TransientError)
    assert found["12"] is None


def test_a_figure_that_x_could_not_read_is_worth_another_try(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher
) -> None:
    failed = {**item("11", "field-hydration-failure"), "field": "public_metrics.impression_count"}
    known = {name: count for name, count in PUBLIC.items() if name != "impression_count"}
    rows = [{"id": "11", "public_metrics": known}, {"id": "12", "public_metrics": PUBLIC}]
    server.script(Answer(json={"data": rows, "errors": [failed]}))
    found = {reading.platform_post_id: reading for reading in fetcher.fetch_many(refs("11", "12"))}
    assert isinstance(found["11"].error, TransientError)
    assert found["11"].analytics is not None
    assert (found["11"].analytics["likes_count"], found["11"].analytics["impressions"]) == (88, None)
    assert found["12"].error is None


def test_views_that_x_could_not_read_are_worth_another_try(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher
) -> None:
    failed = {**item("13_5", "field-hydration-failure"), "resource_type": "media", "parameter": "media_keys"}
    video = {"id": "11", "public_metrics": PUBLIC, "attachments": {"media_keys": ["13_5"]}}
    media = {"media": [{"media_key": "13_5", "type": "video"}]}
    rows = [video, {"id": "12", "public_metrics": PUBLIC}]
    server.script(Answer(json={"data": rows, "includes": media, "errors": [failed]}))
    found = {reading.platform_post_id: reading for reading in fetcher.fetch_many(refs("11", "12"))}
    assert isinstance(found["11"].error, TransientError)
    assert found["11"].analytics is not None
    assert (found["11"].analytics["likes_count"], found["11"].analytics["video_views"]) == (88, None)
    assert found["12"].error is None


@pytest.mark.parametrize(
    ("included", "known", "waiting"),
    [
        ([{"media_key": "13_5", "type": "video"}], {}, {"11"}),
        ([{"media_key": "13_5", "type": "video"}], {"13_5": "12"}, {"12"}),
        ([{"media_key": "13_5"}], {"13_5": "12"}, {"12"}),
        ([], {}, {"11"}),
        ([{"media_key": "13_5", "type": "photo"}], {}, set()),
        ([{"media_key": "13_5", "type": "animated_gif"}], {}, set()),
    ],
    ids=["oldest", "first that was read", "of unknown type", "not included", "photo", "without views"],
)
def test_views_that_x_could_not_read_keep_none_waiting_but_the_post_that_they_are_given_to(
    server: PlatformServer,
    fetcher: TwitterAnalyticsFetcher,
    included: list[dict[str, str]],
    known: dict[str, str],
    waiting: set[str],
) -> None:
    failed = {**item("13_5", "field-hydration-failure"), "resource_type": "media", "parameter": "media_keys"}
    carriers = [{"id": i, "public_metrics": PUBLIC, "attachments": {"media_keys": ["13_5"]}} for i in ("12", "11")]
    server.script(Answer(json={"data": carriers, "includes": {"media": included}, "errors": [failed]}))
    fetcher.media_owners |= known
    found = {reading.platform_post_id: reading for reading in fetcher.fetch_many(refs("11", "12"))}
    assert {i for i, reading in found.items() if reading.error} == waiting
    assert [reading.analytics and reading.analytics["likes_count"] for reading in found.values()] == [88, 88]


def test_views_that_x_could_not_read_do_not_excuse_posts_without_figures(
    server: PlatformServer, fetcher: TwitterAnalyticsFetcher
) -> None:
    failed = {**item("13_5", "field-hydration-failure"), "resource_type": "media", "parameter": "media_keys"}
    bare = [{"id": "11", "attachments": {"media_keys": ["13_5"]}}, {"id": "12"}]
    server.script(Answer(json={"data": bare, "errors": [failed]}))
    with pytest.raises(ConfigurationError, match="public_metrics"):
        list(fetcher.fetch_many(refs("11", "12")))


def test_a_retweet_has_no_figures_of_its_own(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    one = account.publish(OLD, referenced_tweets=[{"type": "retweeted", "id": "5"}])
    quote = account.publish(OLD, referenced_tweets=[{"type": "quoted", "id": "5"}])
    found = errors_of(fetcher, one, quote)
    assert isinstance(found[one], BadDataError)
    assert found[quote] is None


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.recursive(
        st.none() | st.booleans() | st.integers() | st.sampled_from(["11", "13_1", "video", "x"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner,
                max_size=6,
            )
        ),
        max_leaves=25,
    )
)
def test_no_json_breaks_the_parser(server: PlatformServer, slept: list[float], body: Any) -> None:
    server.script(Answer(json=body))
    fetcher = TwitterAnalyticsFetcher(TOKEN, base_url=server.url, max_retries=1, clock=lambda: NOW, sleep=slept.append)
    try:
        readings = list(fetcher.fetch_many(refs("11", "12")))
    except PlatformAPIError:
        return
    finally:
        fetcher.close()
    assert sorted(r.platform_post_id for r in readings) == ["11", "12"]
    assert all((r.analytics is None) != (r.error is None) for r in readings)


# --- private figures


def test_private_figures_are_only_asked_for_while_they_exist(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    old = [account.publish(OLD) for _ in range(3)]
    list(fetcher.fetch_many(refs(*old)))
    assert "non_public" not in server.requests[-1].target
    young = account.publish(YOUNG)
    assert fetcher.fetch_multiple_tweets([young])[young]["url_clicks"] == 61
    assert "non_public_metrics" in server.requests[-1].query["tweet.fields"]


def test_the_publish_time_that_the_caller_knows_counts_more_than_the_id(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    list(fetcher.fetch_many([PostRef("11", published_at=YOUNG)]))
    list(fetcher.fetch_many([PostRef(post_id(YOUNG), published_at=OLD)]))
    assert ["non_public" in request.target for request in server.requests] == [True, False]


@pytest.mark.parametrize("hidden", [False, True])
def test_a_token_that_may_not_see_private_figures(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer, hidden: bool
) -> None:
    account.own = False
    account.refused_are_hidden = hidden
    ids = [account.publish(YOUNG - timedelta(minutes=n)) for n in range(250)]
    found = fetcher.fetch_multiple_tweets(ids)
    assert found.keys() == set(ids)
    assert {a["url_clicks"] for a in found.values()} == {None}
    assert {a["likes_count"] for a in found.values()} == {88}
    # One refusal is enough to stop asking; hidden posts are asked for once more without.
    assert ["non_public" in request.target for request in server.requests] == [True] + [False] * (3 if hidden else 2)


@pytest.mark.parametrize("hidden", [False, True])
def test_old_posts_in_a_batch_with_young_ones_lose_nothing(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer, hidden: bool
) -> None:
    account.refused_are_hidden = hidden
    young, old = account.publish(YOUNG), account.publish(OLD)
    found = fetcher.fetch_multiple_tweets([old, young])
    assert (found[young]["url_clicks"], found[young]["likes_count"]) == (61, 88)
    assert (found[old]["url_clicks"], found[old]["likes_count"]) == (None, 88)
    assert len(server.requests) == (2 if hidden else 1)


# --- edits


def test_an_edited_post_before_a_fault_is_listed_and_nothing_said_of_its_figures(
    account: XAccount, server: PlatformServer, fetcher: TwitterAnalyticsFetcher
) -> None:
    """A version that was still to be asked for is no version that X does not mention."""
    times = [NOW - timedelta(days=1, hours=n) for n in range(150)]
    chain = account.edit(account.publish(times[0]))
    for time in times[1:]:
        account.publish(time)
    server.answer = lambda r: Answer(500, {}) if "pagination_token" in r.query else account.answer(r)
    pages = fetcher.list_posts(NOW - timedelta(days=20), NOW)
    assert len(next(pages)) == 99
    assert [(post.platform_post_id, post.published_at, post.reading) for post in next(pages)] == [
        (chain[0], times[0], None)
    ]
    with pytest.raises(TransientError):
        next(pages)
    assert fetcher.listed_since == times[99]


def test_the_versions_of_an_edited_post_are_one_post(
    account: XAccount, fetcher: TwitterAnalyticsFetcher, server: PlatformServer
) -> None:
    video = {"13_1": {"type": "video", "public_metrics": {"view_count": 50}}}
    chains = [account.edit(account.publish(YOUNG - timedelta(hours=n), media=video)) for n in range(150)]
    plain = account.publish(YOUNG)
    first_ids = [chain[0] for chain in chains]
    found = fetcher.fetch_multiple_tweets([*first_ids, plain])
    assert found.keys() == {*first_ids, plain}
    first = found[first_ids[0]]
    assert (first["likes_count"], first["impressions"], first["url_clicks"]) == (2 * 88, 2 * 7400, 2 * 61)
    assert first["engagement_rate"] == found[plain]["engagement_rate"]
    assert first["platform_post_url"] == f"https://x.com/i/status/{chains[0][-1]}"
    assert found[plain]["likes_count"] == 88
    # The video is the same in all versions, and in all these posts: its views are counted once.
    assert len(server.requests) == 2 + 2, "the later versions of all posts come together"


def test_what_one_version_lacks_is_unknown_of_the_whole_post(
    account: XAccount, fetcher: TwitterAnalyticsFetcher
) -> None:
    first, last = account.edit(account.publish(YOUNG))
    account.posts[last]["public_metrics"] = {**PUBLIC, "like_count": None, "retweet_count": None}
    analytics = fetcher.fetch_post_analytics("7", first)
    assert (analytics["likes_count"], analytics["reactions_count"]) == (None, None)
    assert (analytics["retweets_count"], analytics["quote_tweets_count"], analytics["shares_count"]) == (None, 6, None)
    assert (analytics["comments_count"], analytics["url_clicks"]) == (8, 2 * 61)


def test_private_figures_are_unknown_once_a_version_is_too_old_for_them(
    account: XAccount, fetcher: TwitterAnalyticsFetcher
) -> None:
    chain = account.edit(account.publish(NOW - timedelta(days=30, minutes=10)), minutes=50)
    found = fetcher.fetch_multiple_tweets([*chain, account.publish(YOUNG)])
    assert {(found[i]["url_clicks"], found[i]["likes_count"]) for i in chain} == {(None, 2 * 88)}


def test_a_video_is_counted_once_over_the_versions(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    chain = account.edit(
        account.publish(YOUNG, media={"13_1": {"type": "video", "public_metrics": {"view_count": 50}}})
    )
    assert fetcher.fetch_post_analytics("7", chain[0])["video_views"] == 50


def test_a_post_with_a_deleted_version_is_deleted(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    first, last = account.edit(account.publish(YOUNG))
    del account.posts[last]
    account.problems = {last: item(last, "resource-not-found")}
    with pytest.raises(PostNotFoundError):
        fetcher.fetch_post_analytics("7", first)
    account.problems = {}
    with pytest.raises(PostAbsentError):
        fetcher.fetch_post_analytics("7", first)


@given(history=st.lists(st.sampled_from(["11", "12", "13", "x", 7, None]), max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_strange_history_breaks_nothing(server: PlatformServer, history: list[Any]) -> None:
    rows = {i: {"id": i, "public_metrics": PUBLIC, "edit_history_tweet_ids": history} for i in ("11", "12", "13")}
    server.answer = lambda r: Answer(json={"data": [rows[i] for i in r.query["ids"].split(",") if i in rows]})
    fetcher = TwitterAnalyticsFetcher(TOKEN, base_url=server.url, clock=lambda: NOW)
    analytics = fetcher.fetch_post_analytics("7", "11")
    fetcher.close()
    versions = {i for i in history if i in rows} if "11" in history else {"11"}
    assert analytics["likes_count"] == 88 * len(versions)


def test_raw_words_are_kept(account: XAccount, fetcher: TwitterAnalyticsFetcher) -> None:
    one = account.publish(YOUNG)
    (reading,) = fetcher.fetch_many(refs(one))
    assert reading.raw["versions"][0]["public_metrics"] == PUBLIC
    assert reading.raw["versions"][0]["non_public_metrics"] == PRIVATE
