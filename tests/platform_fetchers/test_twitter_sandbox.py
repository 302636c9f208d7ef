"""X against the sandbox: what it bills, the quota its headers tell, day series and watch time."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.exceptions import ConfigurationError, RateLimitError
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from analytics_pipeline.platform_fetchers.quota import MemoryQuota, Scope
from analytics_pipeline.platform_fetchers.twitter import PRIVATE_AGE, TwitterAnalyticsFetcher
from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, TwitterSettings, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.tokens import TokenStore
from analytics_pipeline.settings import get_settings
from tests.platform_fetchers.conftest import NOW
from tests.platform_fetchers.x_account import post_id

USER, TOKEN = "2200000001", "CANARY-x"
PRICES = {"post_read": Decimal("0.005"), "owned_read": Decimal("0.001"), "user_read": Decimal("0.010")}


def make_world(posts: int, **settings: Any) -> World:
    """An account with a post every two hours; every tenth is a video, the fifth is edited, three share a video."""
    world = World(clock=ClockSettings("fixed", NOW), twitter=TwitterSettings(**settings))
    world.accounts.append(
        Account("twitter", USER, access_token=TOKEN, scopes=frozenset({"tweet.read", "users.read"}), followers=500)
    )
    for n in range(posts):
        published = NOW - timedelta(hours=2 * n + 1)
        video = n % 10 == 0
        media = f"13_{900 if n in (10, 20, 30) else n}" if video else ""
        name = post_id(published, n)
        world.posts.append(
            Post("twitter", USER, name, published, "video" if video else "text", media_id=media, duration_s=30.0)
        )
        for day in range(3):
            seen = published + timedelta(days=day)
            figures = {"likes": 10 * day + n, "comments": n % 7, "shares": n % 5, "impressions": 100 * day + n}
            more = {"video_views": 7 * day, "watch_time_ms": 1500 * day} if video else {}
            world.observations.append(Observation("twitter", name, seen, quotes=1, url_clicks=day, **figures, **more))
    world.__post_init__()
    return world


class Running:
    """A world that is served, and fetchers that talk to it in its time."""

    def __init__(self, world: World, server: SandboxServer) -> None:
        self.world, self.server = world, server
        self.opened: list[TwitterAnalyticsFetcher] = []

    def fetcher(self, token: str = TOKEN, **attributes: Any) -> TwitterAnalyticsFetcher:
        made = TwitterAnalyticsFetcher(
            token,
            user_id=USER,
            base_url=f"{self.server.url}/twitter",
            clock=self.server.clock.now,
            sleep=self.server.clock.advance,
        )
        for name, value in attributes.items():
            setattr(made, name, value)
        self.opened.append(made)
        return made

    @property
    def refs(self) -> list[PostRef]:
        return [PostRef(post.post_id, post.published_at, post.post_type) for post in self.world.posts]

    def billed(self) -> Decimal:
        """What X's own books say, in dollars."""
        return sum((PRICES[kind] for day in self.server.billed.values() for kind in day.values()), start=Decimal(0))


@pytest.fixture
def x(request: pytest.FixtureRequest) -> Iterator[Running]:
    """The sandbox of the test, with the settings of `in_world`."""
    settings = {"posts": 60} | getattr(request, "param", {})
    world = make_world(**settings)
    with SandboxServer(world) as server:
        running = Running(world, server)
        yield running
        for fetcher in running.opened:
            fetcher.close()


def in_world(**settings: Any) -> pytest.MarkDecorator:
    """The test's sandbox runs a world with these settings."""
    return pytest.mark.parametrize("x", [settings], indirect=True, ids=["-".join(settings)])


# --- the bill


def test_our_dollars_are_the_platforms(x: Running) -> None:
    fetcher = x.fetcher()
    missing = [PostRef(post_id(NOW - timedelta(days=9), 77)), PostRef("nonsense")]
    list(fetcher.fetch_many([*x.refs, *missing]))
    assert (fetcher.usage.posts, fetcher.usage.cost_usd) == (60, 60 * PRICES["post_read"])
    assert fetcher.usage.cost_usd == x.billed()
    list(fetcher.list_posts(NOW - timedelta(days=30), NOW))
    assert fetcher.usage.posts == 120
    assert fetcher.usage.cost_usd == x.billed() == 60 * PRICES["post_read"], "twice in a day is charged once"
    fetcher.fetch_account_days(NOW.date(), NOW.date())
    assert fetcher.usage.cost_usd == x.billed() == 60 * PRICES["post_read"] + PRICES["user_read"]

    x.server.clock.advance(86_400)
    tomorrow = x.fetcher(billed=fetcher.billed)
    list(tomorrow.fetch_many(x.refs[:30]))
    assert tomorrow.usage.cost_usd == 30 * PRICES["post_read"]
    assert fetcher.usage.cost_usd + tomorrow.usage.cost_usd == x.billed()


def test_a_new_process_knows_what_was_paid_today(x: Running) -> None:
    first = x.fetcher()
    list(first.fetch_many(x.refs))
    second = x.fetcher(billed=set(first.billed))
    list(second.fetch_many(x.refs))
    assert (second.usage.posts, second.usage.cost_usd) == (60, Decimal(0))


def test_a_failed_call_costs_nothing(x: Running) -> None:
    x.server.script_fault("status", status=503, platform="twitter", times=1)
    fetcher = x.fetcher()
    list(fetcher.fetch_many(x.refs))
    assert (fetcher.usage.calls, fetcher.usage.cost_usd) == (2, x.billed())


@in_world(posts=1000, app_owner=USER)
def test_the_owner_of_the_app_reads_off_the_timeline(x: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWITTER_APP_OWNER_ID", USER)
    get_settings.cache_clear()
    fetcher = x.fetcher()
    get_settings.cache_clear()
    likes = likes_of(fetcher.fetch_many(x.refs))
    assert likes == likes_of(x.fetcher().fetch_many(x.refs))
    assert fetcher.usage.cost_usd == 1000 * PRICES["owned_read"] == x.billed()
    assert fetcher.usage.calls <= 11, "as many as pages, and one more at the border of the private figures"


@in_world(posts=300, app_owner=USER)
def test_few_posts_far_apart_are_read_by_id(x: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWITTER_APP_OWNER_ID", USER)
    get_settings.cache_clear()
    fetcher = x.fetcher()
    get_settings.cache_clear()
    wanted = [x.refs[0], x.refs[299]]
    assert len(likes_of(fetcher.fetch_many(wanted))) == 2
    assert fetcher.usage.calls == 2, "one page shows that the timeline is the dearer way"


def likes_of(readings: Iterator[PostReading]) -> dict[str, int | None]:
    return {r.platform_post_id: r.analytics["likes_count"] for r in readings if r.analytics}


@in_world(posts=300, app_owner=USER, app_token="AAAA-CANARY")
def test_the_apps_own_token_pays_the_full_price(x: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWITTER_APP_OWNER_ID", USER)
    monkeypatch.setenv("TWITTER_ANALYTICS_DAYS", "30")
    get_settings.cache_clear()
    fetcher = TwitterAnalyticsFetcher(
        "AAAA-CANARY", user_id=USER, base_url=f"{x.server.url}/twitter", clock=x.server.clock.now
    )
    get_settings.cache_clear()
    assert len(likes_of(fetcher.fetch_many(x.refs[:150]))) == 150
    assert fetcher.usage.calls == 2, "by id, and without asking for what only users may see"
    list(fetcher.list_posts(NOW - timedelta(days=60), NOW))
    fetcher.close()
    assert fetcher.usage.calls == 2 + 3, "one window: private figures are nobody's to see"
    assert not any("non_public" in record.query for record in x.server.requests)
    assert fetcher.usage.cost_usd == 300 * PRICES["post_read"] == x.billed()


# --- private figures that are refused


def edited_at(world: World, *places: int) -> None:
    """Each of these posts gets a second version, half an hour later, with 5 likes and one click."""
    for place in places:
        first = world.posts[place]
        later = first.published_at + timedelta(minutes=30)
        world.posts.append(Post("twitter", USER, post_id(later, 1000 + place), later, edit_of=first.post_id))
        seen = Observation("twitter", world.posts[-1].post_id, later, likes=5, url_clicks=1)
        world.observations.append(seen)
    world.__post_init__()


@pytest.mark.parametrize("token", [TOKEN, "CANARY-other"], ids=["own", "foreign"])
@pytest.mark.parametrize(
    "x",
    [{"posts": 450, "refused_private": form} for form in ("drop", "keep")],
    indirect=True,
    ids=["drop", "keep"],
)
def test_a_refusal_of_private_figures_costs_no_post(x: Running, token: str) -> None:
    x.world.accounts.append(Account("twitter", "23", access_token="CANARY-other"))
    refs, edited = x.refs, (10, 359, 400)
    edited_at(x.world, *edited)
    x.server.state.tokens = TokenStore(x.world)
    expected = {}
    for place, post in enumerate(x.world.posts[:450]):
        told = x.world.observation(post, NOW)
        assert told is not None
        young = token == TOKEN and NOW - post.published_at <= PRIVATE_AGE
        more = (5, 1) if place in edited else (0, 0)
        clicks = (told.url_clicks or 0) + more[1] if young else None
        expected[post.post_id] = ((told.likes or 0) + more[0], clicks)

    reader, lister = x.fetcher(token), x.fetcher(token)
    read = {r.platform_post_id: r.analytics for r in reader.fetch_many(refs)}
    assert {i: a and (a["likes_count"], a["url_clicks"]) for i, a in read.items()} == expected
    assert reader.usage.cost_usd == x.billed() == 453 * PRICES["post_read"]
    pages = lister.list_posts(NOW - timedelta(days=60), NOW)
    listed = {p.platform_post_id: p.reading.analytics for page in pages for p in page if p.reading}
    assert {i: a and (a["likes_count"], a["url_clicks"]) for i, a in listed.items()} == expected
    assert lister.usage.cost_usd == x.billed() == 453 * PRICES["post_read"]
    # Five batches and the second versions. What was dropped is asked for again: of the author's posts in each call that
    # holds posts of both sides of 30 days, of others' posts once.
    again = {"keep": (0, 0), "drop": (2, 1) if token == TOKEN else (1, 1)}[x.world.twitter.refused_private]
    assert (reader.usage.calls - 6, lister.usage.calls - 6) == again


# --- quotas


@in_world(posts=60, window_limits={"tweets": 1}, app_token="AAAA-CANARY")
def test_the_window_of_the_apps_own_token_is_one_for_all_accounts(x: Running) -> None:
    held: list[tuple[str, str]] = []

    class Noting(MemoryQuota):
        def hold(self, scope: Scope, endpoint: str, until: datetime, because: str | None = None) -> datetime | None:
            held.append((scope, endpoint))
            return super().hold(scope, endpoint, until, because)

    app_only = TwitterAnalyticsFetcher(
        "AAAA-CANARY", user_id=USER, base_url=f"{x.server.url}/twitter", clock=x.server.clock.now
    )
    for fetcher in (app_only, x.fetcher()):
        fetcher.quota = Noting()
        list(fetcher.fetch_many(x.refs))
    app_only.close()
    assert held == [("app", "app-only /2/tweets"), ("account", "/2/tweets")]


@in_world(posts=60)
def test_an_account_that_may_have_more_posts_than_are_listed_is_told_so(
    x: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    remarks = []
    for most in (61, 60):  # in place of 3,200
        monkeypatch.setattr("analytics_pipeline.platform_fetchers.twitter.MOST_LISTED", most)
        fetcher = x.fetcher()
        assert sum(len(page) for page in fetcher.list_posts(NOW - timedelta(days=60), NOW)) == 60
        remarks.append(fetcher.unlisted)
    assert remarks == [None, "twitter: X lists the newest 60 posts: older ones may never be found"]


@in_world(posts=60, window_limits={"tweets": 1})
def test_after_the_last_call_of_a_window_nothing_is_sent_before_its_end(x: Running) -> None:
    quota = MemoryQuota()
    list(x.fetcher(quota=quota).fetch_many(x.refs))
    with pytest.raises(RateLimitError) as caught:
        list(x.fetcher(quota=quota).fetch_many(x.refs))
    assert caught.value.retry_after == pytest.approx(901, abs=1)
    assert [record.status for record in x.server.requests] == [200]
    list(x.fetcher(quota=quota).list_posts(NOW - timedelta(days=1), NOW))  # has a window of its own
    x.server.clock.advance(901)
    assert len(list(x.fetcher(quota=quota).fetch_many(x.refs))) == 60
    assert 429 not in {record.status for record in x.server.requests}


# --- day series and watch time


@pytest.fixture
def extras(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Posts of up to 30 days have day series and watch time."""
    monkeypatch.setenv("TWITTER_ANALYTICS_DAYS", "30")
    get_settings.cache_clear()
    yield
    monkeypatch.undo()
    get_settings.cache_clear()


@pytest.mark.usefixtures("extras")
@pytest.mark.parametrize("x", [{"string_counters": False}, {"string_counters": True}], indirect=True)
def test_day_series_and_watch_time(x: Running) -> None:
    fetcher = x.fetcher()
    readings = {r.platform_post_id: r for r in fetcher.fetch_many(x.refs)}
    assert fetcher.usage.calls == 3
    post = x.world.posts[50]
    days = readings[post.post_id].days
    born = post.published_at.date()
    assert [days[born + timedelta(days=n)]["likes_count"] for n in range(3)] == [50, 10, 10]
    assert days[born + timedelta(days=1)]["url_clicks"] == 1
    totals = {name: sum(day.get(name, 0) for day in days.values()) for name in ("likes_count", "impressions")}
    analytics = readings[post.post_id].analytics
    assert analytics is not None
    assert totals == {"likes_count": analytics["likes_count"], "impressions": analytics["impressions"]}
    assert analytics["video_watch_time"] == 3.0
    shared = [readings[x.world.posts[n].post_id].analytics for n in (10, 20, 30)]
    assert [a and a["video_watch_time"] for a in shared] == [None, None, 4.5], "of all three, given to the oldest"


@pytest.mark.usefixtures("extras")
@pytest.mark.parametrize("status", [None, 403, 404], ids=["plan", "scope", "gone"])
def test_what_x_refuses_is_asked_for_once(x: Running, status: int | None) -> None:
    x.world.twitter.not_enrolled = ["analytics", "media_analytics"]
    for path in ("/2/tweets/analytics", "/2/media/analytics") if status else ():
        x.server.script_fault("reply", status=status, body="{}", platform="twitter", path_contains=path, times=0)
    first = x.fetcher()
    assert len(likes_of(first.fetch_many(x.refs))) == 60
    series = {"tweets/analytics", "media/analytics"}
    expected = (set(), series) if status == 403 else (series, set())
    assert (first.dead_metrics, first.denied_metrics) == expected, "a lacking scope is the account's own"
    second = x.fetcher(dead_metrics=first.dead_metrics, denied_metrics=first.denied_metrics)
    assert len(likes_of(second.fetch_many(x.refs))) == 60
    assert second.usage.calls == 1


def test_they_are_off_by_default(x: Running) -> None:
    fetcher = x.fetcher()
    assert all(not reading.days for reading in fetcher.fetch_many(x.refs))
    assert fetcher.usage.calls == 1


def test_impressions_before_x_counted_them_are_unknown(x: Running) -> None:
    moment = datetime(2022, 12, 14, tzinfo=UTC)
    for n, impressions in enumerate((0, 5)):
        name = post_id(moment, n)
        x.world.posts.append(Post("twitter", USER, name, moment))
        x.world.observations.append(Observation("twitter", name, moment, likes=1, impressions=impressions))
    x.world.__post_init__()
    readings = x.fetcher().fetch_many([PostRef(post_id(moment, n), moment) for n in range(2)])
    assert {r.analytics["impressions"] for r in readings if r.analytics} == {None, 5}


# --- retired metrics

SOME = ("likes_count", "url_clicks", "video_views")
RETIRED = {
    "non_public_metrics": ("tweet.fields=non_public_metrics", {"url_clicks", "profile_clicks"}),
    "media.public_metrics": ("media.fields=public_metrics", {"video_views"}),
}


@pytest.mark.parametrize("names", [["non_public_metrics"], ["media.public_metrics"], list(RETIRED)], ids=" ".join)
@pytest.mark.parametrize("listing", [True, False], ids=["listed", "read"])
def test_a_retired_metric_costs_one_failed_call_and_no_other_metric(
    x: Running, names: list[str], listing: bool
) -> None:
    x.world.twitter.retired_fields = [RETIRED[name][0] for name in names]
    lost = set().union(*(RETIRED[name][1] for name in names))

    def read(fetcher: TwitterAnalyticsFetcher) -> list[PostReading]:
        if not listing:
            return list(fetcher.fetch_many(x.refs))
        pages = fetcher.list_posts(NOW - timedelta(days=9), NOW)
        return [post.reading for page in pages for post in page if post.reading]

    fetcher = x.fetcher()
    found = [reading.analytics for reading in read(fetcher) if reading.analytics]
    assert len(found) == 60
    told = {name for analytics in found for name in SOME if analytics[name] is not None}  # type: ignore[literal-required]
    assert told == set(SOME) - lost
    assert (fetcher.dead_metrics, fetcher.usage.calls) == (set(names), 1 + len(names))
    assert {source.metric for source in fetcher.catalog if fetcher.dead_metrics & set(source.asked)} == lost
    again = x.fetcher(dead_metrics=fetcher.dead_metrics)
    assert (len(read(again)), again.usage.calls) == (60, 1), "what is known to be retired is not asked for"


def test_a_refused_field_that_is_no_metric_is_not_taken_for_a_retired_one(x: Running) -> None:
    x.world.twitter.retired_fields = ["tweet.fields=created_at"]
    fetcher = x.fetcher()
    with pytest.raises(ConfigurationError, match=r"tweet\.fields"):
        list(fetcher.fetch_many(x.refs))
    assert fetcher.dead_metrics == set()
    assert fetcher.usage.calls == 2, "with private figures and without them; it is not about the posts"
