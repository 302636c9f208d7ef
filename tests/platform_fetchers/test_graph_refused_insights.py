"""Posts whose own insights cannot be read: they fail a listing with figures in it, and cost nobody but themselves."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.exceptions import (
    AccountHiddenError,
    AuthenticationError,
    PermissionDeniedError,
    PlatformAPIError,
    PostNotFoundError,
    RateLimitError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.platform_fetchers.metrics import PostReading, PostRef
from tests.platform_fetchers import facebook_fake, instagram_fake
from tests.platform_fetchers.facebook_fake import FakePage
from tests.platform_fetchers.graph_fake import GONE, PAGE, START, FakeGraph, Read, error
from tests.platform_fetchers.instagram_fake import FakeAccount
from tests.platform_fetchers.platform_server import PlatformServer

Fetcher = FacebookFetcher | InstagramFetcher

DENIED = error(10, "(#10) Application does not have permission for this action")
FAILURES: list[tuple[Read, type[PlatformAPIError]]] = [
    (DENIED, PermissionDeniedError),
    (error(200, "(#200) Permissions error", status=403), PermissionDeniedError),
    (GONE, PostNotFoundError),
    (error(1, "An unknown error occurred", status=500), TransientError),
    (error(2, "Service temporarily unavailable", status=500), TransientError),
]
EACH_FAILURE = pytest.mark.parametrize(("failure", "expected"), FAILURES, ids=["10", "200", "gone", "1", "2"])


class World:
    """An account on one of the hosts, and its fetcher."""

    def __init__(self, host: str, server: PlatformServer) -> None:
        self.host, self.server = host, server
        self.served: FakeGraph
        self.fetcher: Fetcher
        if host == "facebook":
            self.served, self.fetcher = FakePage([]), facebook_fake.make(server)
        else:
            self.served = FakeAccount([])
            self.served.takes_batches = host == "instagram"
            self.fetcher = instagram_fake.make(server, batches=host == "instagram")
        server.answer = self.served

    def key(self, number: int) -> str:
        return f"{PAGE}_{number}" if self.host == "facebook" else str(number)

    def publish(self, count: int, failing: dict[int, Read]) -> list[PostRef]:
        """Gives the account so many posts, one an hour, and says how to ask for them."""
        make: Any = facebook_fake.node if self.host == "facebook" else instagram_fake.media
        nodes = [make(n, **({"failing": failing[n]} if n in failing else {})) for n in range(count)]
        self.served.nodes = {node["id"]: node for node in nodes}
        return [PostRef(self.key(n), START + timedelta(hours=n), "image") for n in range(count)]

    def listed(self) -> dict[str, PostReading | None]:
        pages = self.fetcher.list_posts(START, START + timedelta(days=100))
        return {post.platform_post_id: post.reading for page in pages for post in page}

    def listings(self) -> list[str]:
        """The requests for pages of posts, alone or in a batch, but those that are only for summaries."""
        pages = [part for part in self.served.parts if f"/{self.served.listing}?" in part]
        return [page for page in pages if "summary" not in page]

    def bare(self) -> int:
        """How many pages were asked for without figures."""
        return sum("insights" not in page for page in self.listings())


@pytest.fixture(params=["facebook", "instagram", "instagram without batches"])
def world(request: pytest.FixtureRequest, server: PlatformServer) -> Iterator[World]:
    made = World(request.param, server)
    yield made
    made.fetcher.close()


def figures(reading: PostReading | None) -> Any:
    return reading and reading.analytics and reading.analytics["impressions"]


@EACH_FAILURE
def test_a_post_whose_insights_are_refused_costs_itself(
    failure: Read, expected: type[PlatformAPIError], world: World
) -> None:
    wanted = world.publish(8, {3: failure})
    assert set(world.listed()) == {ref.platform_post_id for ref in wanted}
    assert world.bare() == 1
    found = {reading.platform_post_id: reading for reading in world.fetcher.fetch_many(wanted)}
    assert isinstance(found[world.key(3)].error, expected)
    assert [figures(found[world.key(n)]) is not None for n in range(8)] == [n != 3 for n in range(8)]


@EACH_FAILURE
def test_among_many_it_costs_itself(failure: Read, expected: type[PlatformAPIError], world: World) -> None:
    wanted = world.publish(260, {170: failure})
    found = {reading.platform_post_id: reading for reading in world.fetcher.fetch_many(wanted)}
    assert {key for key, reading in found.items() if reading.error} == {world.key(170)}
    assert isinstance(found[world.key(170)].error, expected)
    assert sum(figures(reading) is not None for reading in found.values()) == 259


@pytest.mark.parametrize(
    ("failure", "attempts", "attempts_alone"),
    [(DENIED, 1, 1), (GONE, 2, 1), (FAILURES[-1][0], 3, 3)],
    ids=["denied", "gone", "passing"],
)
def test_where_each_post_would_be_a_call_the_others_are_read_in_windows(
    failure: Read, attempts: int, attempts_alone: int, server: PlatformServer
) -> None:
    world = World("instagram without batches", server)
    wanted = world.publish(260, {170: failure})
    assert len(list(world.fetcher.fetch_many(wanted))) == 260
    pages, bare, one_that_tells, halves, neighbours = 2, 1, 1, 10, 3
    expected = pages + attempts + bare + one_that_tells + halves + neighbours + attempts_alone
    assert len(server.requests) <= expected
    world.fetcher.close()


@pytest.mark.parametrize("failing", [range(8), range(1)], ids=["all", "the only post"])
def test_posts_are_found_though_no_figure_may_be_read(failing: range, world: World) -> None:
    wanted = world.publish(len(failing), dict.fromkeys(failing, DENIED))
    assert world.listed() == {ref.platform_post_id: None for ref in wanted}


@pytest.mark.parametrize("count", [8, 260])
def test_an_account_that_may_not_read_insights_is_told_by_its_posts(count: int, world: World) -> None:
    wanted = world.publish(count, dict.fromkeys(range(count), DENIED))
    with pytest.raises(PermissionDeniedError, match="Application does not have permission"):
        list(world.fetcher.fetch_many(wanted))
    assert len(world.server.requests) <= 2 + 3 + 5, "pages, media that may speak for the account, posts by their ids"


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (error(190, "Session has expired", 463), AuthenticationError),
        (error(80001, "(#80001) There have been too many calls"), RateLimitError),
    ],
    ids=["token", "throttle"],
)
def test_a_dead_token_or_a_throttle_costs_no_further_call(
    failure: Read, expected: type[PlatformAPIError], world: World
) -> None:
    world.publish(8, {3: failure})
    with pytest.raises(expected):
        world.listed()
    assert len(world.listings()) == 1


@pytest.mark.parametrize(
    ("failure", "expected", "attempts"),
    [(DENIED, PermissionDeniedError, 1), (GONE, AccountHiddenError, 2), (FAILURES[-1][0], TransientError, 3)],
    ids=["denied", "gone", "outage"],
)
def test_a_listing_that_fails_without_figures_too_is_asked_once_more(
    failure: Read, expected: type[PlatformAPIError], attempts: int, world: World
) -> None:
    world.publish(8, {})
    world.served.failing[f"{world.served.account}/{world.served.listing}"] = failure
    with pytest.raises(expected):
        world.listed()
    assert (world.bare(), len(world.listings()) <= attempts + 1) == (1, True)
    del world.served.failing[f"{world.served.account}/{world.served.listing}"]
    assert all(figures(reading) is not None for reading in world.listed().values()), (
        "the next listing has figures again"
    )
