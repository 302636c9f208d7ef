"""Both Meta fetchers against the sandbox, which was written from the same documents by other hands."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest

from analytics_pipeline.platform_fetchers.exceptions import RateLimitError
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.graph import GraphFetcher
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.metrics import PostRef
from analytics_pipeline.platform_fetchers.quota import MemoryQuota
from analytics_pipeline.sandbox.model import Account, AccountDay, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
PAGE, USER, OWN_USER = "104928374650192", "17841405822304914", "17841405822304999"
SCOPES = {
    "pages_show_list",
    "pages_read_engagement",
    "pages_read_user_content",
    "read_insights",
    "instagram_basic",
    "instagram_manage_insights",
}
OWN_SCOPES = {"instagram_business_basic", "instagram_business_manage_insights"}
POSTS = 260


def account_of(platform: str, external_id: str, login: str = "", scopes: set[str] = SCOPES) -> Account:
    token = ("IGAA" if login == "instagram" else "EAA") + external_id
    return Account(platform, external_id, access_token=token, scopes=frozenset(scopes), followers=600, login=login)


def post_of(platform: str, account: str, number: int) -> tuple[Post, Observation]:
    kind = "reel" if number % 10 == 3 else "image"
    key = f"{PAGE}_{9000000 + number}" if platform == "facebook" else f"{account}{number:03d}"
    at = NOW - timedelta(hours=number + 1)
    figures = Observation(
        platform,
        key,
        at,
        likes=number,
        comments=number % 7,
        shares=number % 5,
        impressions=10 * number,
        reach=5 * number,
        watch_time_ms=1500 * number if kind == "reel" else None,
    )
    if platform == "facebook":
        figures.clicks, figures.url_clicks, figures.reaction_love = number, number % 3, 2
    else:
        figures.bookmarks = number % 4
    return Post(platform, account, key, at, kind), figures


@pytest.fixture
def world() -> World:
    """A page, an account with Facebook login and one with Instagram login, with the same figures each."""
    accounts = [
        account_of("facebook", PAGE),
        account_of("instagram", USER, "facebook"),
        account_of("instagram", OWN_USER, "instagram", OWN_SCOPES),
    ]
    made = [post_of(account.platform, account.external_id, n) for account in accounts for n in range(POSTS)]
    return World(
        name="meta",
        accounts=accounts,
        posts=[post for post, _ in made],
        observations=[figures for _, figures in made],
        account_days=[
            AccountDay(account.platform, account.external_id, date(2026, 8, n), metric, n)
            for account in accounts
            for n in range(1, 32)
            for metric in ("impressions", "reach", "follower_gain")
        ],
        clock=ClockSettings("fixed", NOW),
    )


@pytest.fixture
def sandbox(world: World) -> Iterator[SandboxServer]:
    with SandboxServer(world) as running:
        yield running


def fetcher_of(sandbox: SandboxServer, account: Account) -> GraphFetcher:
    kind = FacebookFetcher if account.platform == "facebook" else InstagramFetcher
    return kind.for_account(
        account.access_token,
        account.external_id,
        base_url=f"{sandbox.url}/{account.platform}",
        clock=lambda: NOW,
        sleep=lambda _: None,
    )


def refs_of(world: World, account: Account) -> list[PostRef]:
    posts = [post for post in world.posts if post.external_id == account.external_id]
    return [PostRef(post.post_id, post.published_at, post.post_type) for post in posts]


@pytest.mark.parametrize(
    ("which", "most_calls"), [(0, 8), (1, 9), (2, 3 + 26)], ids=["page", "facebook login", "own login"]
)
def test_every_figure_of_every_post(
    which: int, most_calls: int, world: World, sandbox: SandboxServer, configure: Callable[..., None]
) -> None:
    """The 26 reels stand one by one between images: without batches, a call for the watch time of each."""
    configure(INSTAGRAM_DETAIL_CALLS="26")
    account = world.accounts[which]
    fetcher = fetcher_of(sandbox, account)
    readings = {reading.platform_post_id: reading for reading in fetcher.fetch_many(refs_of(world, account))}
    fetcher.close()
    assert len(readings) == POSTS
    for figures in (each for each in world.observations if each.post_id in readings):
        found = readings[figures.post_id].analytics
        assert found is not None, readings[figures.post_id].error
        reel = figures.watch_time_ms is not None
        assert found["likes_count"] == figures.likes
        assert found["comments_count"] == figures.comments
        assert found["shares_count"] == figures.shares
        assert found["impressions"] == figures.impressions
        assert found["reach"] == (None if reel and which == 0 else figures.reach)
        assert found["bookmarks_count"] == figures.bookmarks
        assert (found["clicks"], found["url_clicks"]) == (figures.clicks, figures.url_clicks)
        assert found["video_watch_time"] == (None if figures.watch_time_ms is None else figures.watch_time_ms / 1000)
    assert len(sandbox.requests) <= most_calls


@pytest.mark.parametrize("which", [0, 1, 2], ids=["page", "facebook login", "own login"])
def test_the_listing_and_the_single_read_say_the_same(which: int, world: World, sandbox: SandboxServer) -> None:
    account = world.accounts[which]
    fetcher = fetcher_of(sandbox, account)
    start, end = NOW - timedelta(hours=30), NOW - timedelta(hours=10)
    listed = [post for page in fetcher.list_posts(start, end) for post in page]
    expected = [ref for ref in refs_of(world, account) if ref.published_at and start <= ref.published_at < end]
    assert [(p.platform_post_id, p.published_at, p.post_type) for p in listed] == [
        (ref.platform_post_id, ref.published_at, ref.post_type) for ref in expected
    ]
    carried = [post.reading for post in listed if post.reading]
    assert len(carried) == len([ref for ref in expected if ref.post_type == "image" or which == 2])
    assert all(fetcher.fetch_post_analytics("1", r.platform_post_id) == r.analytics for r in carried[:5])
    fetcher.close()


@pytest.mark.parametrize("which", [0, 1, 2], ids=["page", "facebook login", "own login"])
def test_figures_stand_under_the_platforms_own_day(which: int, world: World, sandbox: SandboxServer) -> None:
    fetcher = fetcher_of(sandbox, world.accounts[which])
    days = fetcher.fetch_account_days(date(2026, 7, 20), date(2026, 8, 31))
    fetcher.close()
    found = {
        day.day.day: {name: day.metrics.get(name) for name in ("impressions", "reach", "follower_gain")} for day in days
    }
    assert found == {n: {"impressions": n, "reach": n, "follower_gain": n} for n in range(1, 32)}


def test_posts_of_a_page_with_fewer_than_100_likes_are_read_without_insights(world: World) -> None:
    """Likes, comments and shares stand in the fields; no shares is left out there, as unknown ones are."""
    world.accounts[0].followers = 99
    with SandboxServer(world) as sandbox:
        fetcher = fetcher_of(sandbox, world.accounts[0])
        readings = {
            reading.platform_post_id: reading for reading in fetcher.fetch_many(refs_of(world, world.accounts[0]))
        }
        fetcher.close()
    assert len(readings) == POSTS
    for figures in (each for each in world.observations if each.post_id in readings):
        found = readings[figures.post_id].analytics
        assert found is not None, readings[figures.post_id].error
        assert (found["likes_count"], found["comments_count"]) == (figures.likes, figures.comments)
        assert found["shares_count"] == (figures.shares or None)
        assert found["impressions"] is found["reach"] is found["clicks"] is None


def test_a_page_that_is_blocked_is_not_asked_until_the_time_that_it_told(world: World) -> None:
    """Each call while blocked would begin the block anew. Of the first batch's fifty calls twenty pass."""
    page = world.accounts[0]
    page.rate_limit_after, page.rate_limit_seconds = 20, 600.0
    refs = [PostRef(ref.platform_post_id) for ref in refs_of(world, page) if ref.post_type == "image"]
    quota = MemoryQuota()
    with SandboxServer(world) as sandbox:
        for posts, requests, waits in ((25, 1, 600), (5, 1, 60), (5, 2, None)):
            fetcher = FacebookFetcher.for_account(
                page.access_token,
                PAGE,
                base_url=f"{sandbox.url}/facebook",
                clock=sandbox.clock.now,
                sleep=lambda _: None,
            )
            fetcher.quota = quota
            if waits is None:
                assert all(reading.analytics for reading in fetcher.fetch_many(refs[:posts]))
            else:
                with pytest.raises(RateLimitError) as caught:
                    list(fetcher.fetch_many(refs[:posts]))
                assert caught.value.retry_after == waits
                sandbox.clock.advance(540 if waits == 600 else 60)
            fetcher.close()
            assert len(sandbox.requests) == requests


def test_retired_metrics_cost_no_other(world: World) -> None:
    world.facebook.retired_metrics, world.instagram.retired_metrics = ["post_clicks"], ["saved"]
    with SandboxServer(world) as sandbox:
        page, login = world.accounts[0], world.accounts[1]
        for account, dead, missing, most_calls in (
            (page, {"post_clicks"}, "clicks", 10),
            (login, {"FEED/saved", "REELS/saved"}, "bookmarks_count", 14),
        ):
            sandbox.clear_requests()
            fetcher = fetcher_of(sandbox, account)
            readings = [reading.analytics for reading in fetcher.fetch_many(refs_of(world, account))]
            fetcher.close()
            assert len(readings) == POSTS
            assert all(found and found[missing] is None for found in readings)  # type: ignore[literal-required]  # a name of the standard result
            assert all(found and found["likes_count"] is not None for found in readings)
            assert fetcher.dead_metrics == dead
            assert len(sandbox.requests) <= most_calls


def test_a_busy_page_is_told_to_lack_posts_and_known_ones_are_read() -> None:
    """1,000 posts in a year: Facebook lists the newest 600, the others are read by their ids, in 40 calls at most."""
    made = [post_of("facebook", PAGE, n) for n in range(1000)]
    world = World(
        accounts=[account_of("facebook", PAGE)],
        posts=[post for post, _ in made],
        observations=[figures for _, figures in made],
        clock=ClockSettings("fixed", NOW),
    )
    with SandboxServer(world) as sandbox:
        page = world.accounts[0]
        fetcher = fetcher_of(sandbox, page)
        assert fetcher.unlisted is None
        listed = [post for page in fetcher.list_posts(NOW - timedelta(days=42), NOW) for post in page]
        assert len(listed) == 600
        assert fetcher.unlisted == (
            "facebook lists about 600 posts a year, and has listed as many of 2026: others may never be found; those "
            "that are known are read by their ids"
        )
        sandbox.clear_requests()
        readings = [reading.analytics for reading in fetcher.fetch_many(refs_of(world, page))]
        fetcher.close()
        found = {analytics["platform_post_id"]: analytics["likes_count"] for analytics in readings if analytics}
        assert found == {figures.post_id: figures.likes for _, figures in made}
        assert len(sandbox.requests) <= 40


def test_a_quiet_page_is_not() -> None:
    made = [post_of("facebook", PAGE, n) for n in range(549)]
    world = World(
        accounts=[account_of("facebook", PAGE)], posts=[post for post, _ in made], clock=ClockSettings("fixed", NOW)
    )
    with SandboxServer(world) as sandbox:
        fetcher = fetcher_of(sandbox, world.accounts[0])
        assert len([post for page in fetcher.list_posts(NOW - timedelta(days=42), NOW) for post in page]) == 549
        assert fetcher.unlisted is None
        fetcher.close()


@pytest.mark.parametrize("which", [0, 1, 2], ids=["page", "facebook login", "own login"])
def test_figures_older_than_two_years_are_unknown_and_cost_no_other(
    which: int, world: World, sandbox: SandboxServer
) -> None:
    """What stands in the fields of a post goes on; insights are NULL, not zero."""
    account = world.accounts[which]
    sandbox.clock.set(NOW + timedelta(days=730, hours=-5))
    fetcher = fetcher_of(sandbox, account)
    readings = {reading.platform_post_id: reading for reading in fetcher.fetch_many(refs_of(world, account))}
    fetcher.close()
    assert len(readings) == POSTS
    for figures in (each for each in world.observations if each.post_id in readings):
        kept = figures.observed_at >= NOW - timedelta(hours=5)
        found = readings[figures.post_id].analytics
        assert found is not None
        assert found["impressions"] == (figures.impressions if kept else None)
        assert found["comments_count"] == figures.comments
