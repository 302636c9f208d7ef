"""Both fetchers against the sandbox, which was written from the same documents without them: calls, figures, faults."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    InvalidTokenError,
    PermissionDeniedError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.linkedin import LinkedInAnalyticsFetcher
from analytics_pipeline.platform_fetchers.metrics import PostRef
from analytics_pipeline.platform_fetchers.twitter import TwitterAnalyticsFetcher
from analytics_pipeline.sandbox.model import (
    Account,
    AccountDay,
    ClockSettings,
    LinkedInSettings,
    Observation,
    Post,
    TwitterSettings,
    World,
)
from analytics_pipeline.sandbox.server import SandboxServer
from tests.platform_fetchers.conftest import NOW
from tests.platform_fetchers.x_account import post_id

SCOPES = {
    "linkedin": frozenset({"r_organization_social", "rw_organization_admin", "r_organization_social_feed"}),
    "twitter": frozenset({"tweet.read", "users.read"}),
}
FETCHERS: dict[str, type[BasePlatformFetcher]] = {
    "linkedin": LinkedInAnalyticsFetcher,
    "twitter": TwitterAnalyticsFetcher,
}
ACCOUNT = {"linkedin": "40012345", "twitter": "2200000001"}
BOTH = pytest.mark.parametrize("platform", FETCHERS)


def in_world(**settings: Any) -> pytest.MarkDecorator:
    """The test's sandbox runs a world with these settings."""
    return pytest.mark.parametrize("sandbox", [settings], indirect=True, ids=["-".join(settings)])


def token(platform: str, state: str = "valid") -> str:
    return f"CANARY-{platform}-{state}"


def make_world(posts: int, **settings: Any) -> World:
    """One account per platform with a post every two hours back from NOW, and one account per state of its token."""
    world = World(clock=ClockSettings("fixed", NOW), **settings)
    for platform, account in ACCOUNT.items():
        world.accounts.append(
            Account(platform, account, access_token=token(platform), scopes=SCOPES[platform], followers=500)
        )
        for number, state in enumerate(("expired", "revoked", "missing_scope")):
            scopes = frozenset[str]() if state == "missing_scope" else SCOPES[platform]
            world.accounts.append(
                Account(platform, str(number), access_token=token(platform, state), scopes=scopes, token_state=state)
            )
        for number in range(posts):
            published = NOW - timedelta(hours=2 * number + 1)
            kind = "share" if number % 3 else "ugcPost"
            name = f"urn:li:{kind}:{73 * 10**17 + number}" if platform == "linkedin" else post_id(published, number)
            world.posts.append(Post(platform, account, name, published))
            counts = {"likes": number - 1, "comments": number % 7, "shares": number % 5, "impressions": 10 * number}
            more = {"reach": number, "clicks": 3} if platform == "linkedin" else {"quotes": 1, "url_clicks": number}
            world.observations.append(Observation(platform, name, published, **counts, **more))
    for number in range(10):
        day = NOW.date() - timedelta(days=number)
        world.account_days.append(AccountDay("linkedin", ACCOUNT["linkedin"], day, "impressions", number))
    world.__post_init__()
    return world


def posts_of(world: World, platform: str) -> list[Post]:
    return [post for post in world.posts if post.platform == platform]


def refs(world: World, platform: str) -> list[PostRef]:
    return [PostRef(post.post_id, post.published_at) for post in posts_of(world, platform)]


class Sandbox:
    """A running world, and fetchers that talk to it in virtual time."""

    def __init__(self, world: World, server: SandboxServer) -> None:
        self.world = world
        self.server = server
        self.slept: list[float] = []
        self._open: list[BasePlatformFetcher] = []

    def fetcher(self, platform: str, state: str = "valid", **options: Any) -> BasePlatformFetcher:
        number = {"valid": ACCOUNT[platform], "expired": "0", "revoked": "1", "missing_scope": "2"}[state]
        settings: dict[str, Any] = {
            "base_url": f"{self.server.url}/{platform}",
            "timeout": 10,
            "clock": self.server.clock.now,
            "sleep": self.slept.append,
            **options,
        }
        opened = FETCHERS[platform].for_account(token(platform, state), number, **settings)
        self._open.append(opened)
        return opened

    def close(self) -> None:
        for fetcher in self._open:
            fetcher.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[World, SandboxServer]]:
    """A world of 60 posts per platform for all tests that leave its time and settings alone."""
    world = make_world(posts=60)
    with SandboxServer(world) as server:
        yield world, server


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    """The shared world, or one of its own for a test that is `in_world`."""
    if hasattr(request, "param"):
        world = make_world(**({"posts": 60} | request.param))
        with SandboxServer(world) as server:
            running = Sandbox(world, server)
            yield running
            running.close()
    else:
        running = Sandbox(*request.getfixturevalue("shared"))
        running.server.clear_requests()
        yield running
        running.server.state.faults.clear()
        running.close()


def expected_likes(world: World, platform: str) -> dict[str, int | None]:
    return {row.post_id: row.likes for row in world.observations if row.platform == platform}


# --- calls and figures


@in_world(posts=1000)
@pytest.mark.parametrize(("platform", "calls"), [("linkedin", 20 + 8), ("twitter", 10 + 1)])
def test_a_refresh_of_a_thousand_posts(sandbox: Sandbox, platform: str, calls: int) -> None:
    """Of X's batch with posts of both sides of 30 days, the older ones are asked for once more."""
    readings = list(sandbox.fetcher(platform).fetch_many(refs(sandbox.world, platform)))
    likes = {r.platform_post_id: r.analytics["likes_count"] for r in readings if r.analytics}
    assert likes == expected_likes(sandbox.world, platform)
    assert len(sandbox.server.requests) == calls


@in_world(posts=1000)
@pytest.mark.parametrize(("platform", "calls"), [("linkedin", 11 + 1), ("twitter", 4 + 7)])
def test_a_listing_of_a_thousand_posts(sandbox: Sandbox, platform: str, calls: int) -> None:
    pages = sandbox.fetcher(platform).list_posts(NOW - timedelta(days=200), NOW)
    listed = {post.platform_post_id: post.published_at for page in pages for post in page}
    assert listed == {post.post_id: post.published_at for post in posts_of(sandbox.world, platform)}
    assert len(sandbox.server.requests) == calls


def test_a_listing_of_x_is_as_good_as_a_refresh(sandbox: Sandbox) -> None:
    fetcher = sandbox.fetcher("twitter")
    read = {r.platform_post_id: r.analytics for r in fetcher.fetch_many(refs(sandbox.world, "twitter"))}
    pages = fetcher.list_posts(NOW - timedelta(days=200), NOW)
    listed = {post.platform_post_id: post.reading.analytics for page in pages for post in page if post.reading}
    assert listed == read
    assert {analytics["url_clicks"] for analytics in read.values() if analytics} == set(range(60))


@BOTH
def test_one_day_is_one_day(sandbox: Sandbox, platform: str) -> None:
    day = datetime(2026, 8, 30, tzinfo=UTC)
    pages = sandbox.fetcher(platform).list_posts(day, day + timedelta(days=1))
    listed = {post.platform_post_id for page in pages for post in page}
    assert listed == {p.post_id for p in posts_of(sandbox.world, platform) if p.published_at.date() == day.date()}
    assert len(listed) == 12


@in_world(linkedin=LinkedInSettings(short_pages=True, withhold_unique_impressions=True), posts=250)
def test_short_pages_and_withheld_reach(sandbox: Sandbox) -> None:
    fetcher = sandbox.fetcher("linkedin")
    pages = fetcher.list_posts(NOW - timedelta(days=200), NOW)
    assert len({post.platform_post_id for page in pages for post in page}) == 250
    first = next(fetcher.fetch_many(refs(sandbox.world, "linkedin")))
    assert first.analytics is not None
    assert (first.analytics["reach"], first.analytics["clicks"]) == (None, 3)


@pytest.mark.parametrize("edited", [False, True])
@pytest.mark.parametrize(
    "sandbox",
    [
        {"linkedin": LinkedInSettings(short_pages=short, next_links=links), "posts": 250}
        for short in (False, True)
        for links in (False, True)
    ],
    indirect=True,
    ids=["full-unlinked", "full-linked", "short-unlinked", "short-linked"],
)
def test_a_listing_finds_every_post_however_it_is_paged(sandbox: Sandbox, edited: bool) -> None:
    posts = posts_of(sandbox.world, "linkedin")
    for post in posts[::2] if edited else ():
        post.edited_at = NOW - (post.published_at - posts[-1].published_at) / 1000  # the oldest were edited last
    for start in (NOW - timedelta(days=200), NOW - timedelta(days=10)):
        pages = sandbox.fetcher("linkedin").list_posts(start, NOW)
        listed = {found.platform_post_id: found.published_at for page in pages for found in page}
        assert listed == {post.post_id: post.published_at for post in posts if post.published_at >= start}


@in_world(twitter=TwitterSettings(empty_pages=True, type_host="api.x.com", app_token="CANARY-app"))
def test_empty_pages_and_an_app_only_token(sandbox: Sandbox) -> None:
    pages = sandbox.fetcher("twitter").list_posts(NOW - timedelta(days=20), NOW)
    assert sum(map(len, pages)) == 60
    app_only = TwitterAnalyticsFetcher(
        "CANARY-app", user_id=ACCOUNT["twitter"], base_url=f"{sandbox.server.url}/twitter", clock=lambda: NOW
    )
    readings = list(app_only.fetch_many(refs(sandbox.world, "twitter")))
    app_only.close()
    assert {r.analytics["url_clicks"] for r in readings if r.analytics} == {None}
    likes = {r.platform_post_id: r.analytics["likes_count"] for r in readings if r.analytics}
    assert likes == expected_likes(sandbox.world, "twitter")


def test_days_of_the_accounts(sandbox: Sandbox) -> None:
    today = date(2026, 9, 1)
    days = sandbox.fetcher("linkedin").fetch_account_days(today - timedelta(days=2), today)
    assert [(day.day.day, dict(day.metrics)) for day in days] == [
        (30, {"impressions": 2}),
        (31, {"impressions": 1}),
        (1, {"impressions": 0, "followers": 500}),
    ]
    (day,) = sandbox.fetcher("twitter").fetch_account_days(today - timedelta(days=2), today)
    assert (day.day, day.metrics) == (today, {"followers": 500})


# --- failures


@BOTH
@pytest.mark.parametrize(
    ("state", "error"),
    [("expired", InvalidTokenError), ("revoked", InvalidTokenError), ("missing_scope", PermissionDeniedError)],
)
def test_tokens(sandbox: Sandbox, platform: str, state: str, error: type[PlatformAPIError]) -> None:
    fetcher = sandbox.fetcher(platform, state)
    with pytest.raises(error) as caught:
        list(fetcher.fetch_many(refs(sandbox.world, platform)))
    assert token(platform, state) not in str(caught.value)


@BOTH
def test_an_unknown_post(sandbox: Sandbox, platform: str) -> None:
    unknown = "urn:li:share:5" if platform == "linkedin" else "5"
    with pytest.raises(PostNotFoundError) as caught:
        sandbox.fetcher(platform).fetch_post_analytics("7", unknown)
    assert caught.value.post_id == unknown


def test_an_ended_version(sandbox: Sandbox) -> None:
    with pytest.raises(ConfigurationError, match="LINKEDIN_API_VERSION"):
        list(sandbox.fetcher("linkedin", api_version="202401").fetch_many(refs(sandbox.world, "linkedin")))


FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "status": 503},
    {"kind": "status", "status": 429, "retry_after": "2"},
    {"kind": "html"},
    {"kind": "redirect"},
    {"kind": "reset"},
    {"kind": "cut_body"},
    {"kind": "slow_body", "seconds": 1.0},
    {"kind": "huge_body"},
]


def timeout_for(fault: dict[str, Any]) -> float:
    return 0.6 if fault["kind"] == "slow_body" else 10


@BOTH
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_a_passing_fault_costs_a_pause(sandbox: Sandbox, platform: str, fault: dict[str, Any]) -> None:
    sandbox.server.script_fault(**fault)
    readings = list(sandbox.fetcher(platform, timeout=timeout_for(fault)).fetch_many(refs(sandbox.world, platform)))
    likes = {r.platform_post_id: r.analytics["likes_count"] for r in readings if r.analytics}
    assert likes == expected_likes(sandbox.world, platform)
    assert len(sandbox.slept) == 1


@BOTH
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: "-".join(str(value) for value in fault.values()))
def test_a_lasting_fault_is_named_without_the_token(sandbox: Sandbox, platform: str, fault: dict[str, Any]) -> None:
    sandbox.server.script_fault(**fault, times=0)
    error = RateLimitError if fault.get("status") == 429 else TransientError
    with pytest.raises(error) as caught:
        list(
            sandbox.fetcher(platform, max_retries=1, timeout=timeout_for(fault)).fetch_many(
                refs(sandbox.world, platform)
            )
        )
    assert token(platform) not in f"{caught.value!r}{vars(caught.value)}"


@in_world(twitter=TwitterSettings(window_limits={"tweets": 1}))
def test_the_window_of_x(sandbox: Sandbox) -> None:
    fetcher = sandbox.fetcher("twitter")
    first = refs(sandbox.world, "twitter")[:1]
    list(fetcher.fetch_many(first))
    with pytest.raises(RateLimitError) as caught:
        list(fetcher.fetch_many(first))
    assert caught.value.retry_after is not None
    assert 0 < caught.value.retry_after <= 901
    sandbox.server.clock.advance(caught.value.retry_after)
    assert len(list(fetcher.fetch_many(first))) == 1


@in_world(linkedin=LinkedInSettings(daily_quota=1))
def test_the_day_of_linkedin(sandbox: Sandbox) -> None:
    fetcher = sandbox.fetcher("linkedin")
    first = refs(sandbox.world, "linkedin")[:1]
    list(fetcher.fetch_many(first))
    with pytest.raises(RateLimitError) as caught:
        list(fetcher.fetch_many(first))
    assert caught.value.retry_after == 12 * 3600
    sandbox.server.clock.advance(caught.value.retry_after)
    assert len(list(fetcher.fetch_many(first))) == 1


@in_world(twitter=TwitterSettings(credits=60))
def test_the_credits_of_x(sandbox: Sandbox) -> None:
    fetcher = sandbox.fetcher("twitter")
    assert len(list(fetcher.fetch_many(refs(sandbox.world, "twitter")))) == 60
    with pytest.raises(RateLimitError, match="buy credits") as caught:
        list(fetcher.fetch_many(refs(sandbox.world, "twitter")))
    assert caught.value.retry_after == 3600
    sent = len(sandbox.server.requests)
    with pytest.raises(RateLimitError, match=r"buy credits.*next call is due at"):
        fetcher.fetch_account_days(NOW.date(), NOW.date())
    assert len(sandbox.server.requests) == sent, "without credits the app sends nothing"
