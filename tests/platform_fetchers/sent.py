"""What a fetcher sends when it is asked for all that it can do, against a sandbox with a bit of everything.

Not here: what a platform's interface description allows (test_description_*.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import requests

from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.metrics import PostRef
from analytics_pipeline.sandbox.generator import generate_world
from analytics_pipeline.sandbox.model import Account, ClockSettings, World
from analytics_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
_DAYS = 45


@dataclass(frozen=True)
class Sent:
    """One request. `path` (below the platform's prefix) and `query` are as they went over the wire."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    form: dict[str, str]

    @cached_property
    def params(self) -> list[tuple[str, str]]:
        """The query's parameters, decoded."""
        return parse_qsl(self.query, keep_blank_values=True)


def sent_of(prepared: requests.PreparedRequest) -> Sent:
    """A request of a session as it was sent to the sandbox."""
    url, body = urlsplit(str(prepared.url)), prepared.body or ""
    form = dict(parse_qsl(body.decode() if isinstance(body, bytes) else body))
    path = "/" + url.path[1:].partition("/")[2]
    return Sent(str(prepared.method), path, url.query, {k.lower(): v for k, v in prepared.headers.items()}, form)


@contextmanager
def served() -> Iterator[tuple[World, SandboxServer]]:
    """Three businesses with an account on each platform; those of the second have nothing wrong with them."""
    world = generate_world(1, NOW, days=_DAYS)
    world.clock = ClockSettings("fixed", NOW)
    with SandboxServer(world) as server:
        yield world, server


def account_of(world: World, platform: str) -> Account:
    """The second business's."""
    return [account for account in world.accounts if account.platform == platform][1]


def wiring(server: SandboxServer, platform: str) -> dict[str, Any]:
    """What every fetcher needs to talk to the sandbox in its time."""
    return {"base_url": f"{server.url}/{platform}", "clock": lambda: NOW, "sleep": lambda _: None}


def everything_sent(
    fetcher: BasePlatformFetcher, account: Account, world: World, *, of_account: bool = True
) -> list[Sent]:
    """All requests of a refresh and of single reads of each type of post; of the listing and the account's days too."""
    sent: list[Sent] = []
    fetcher._session.hooks["response"].append(lambda response, **_: sent.append(sent_of(response.request)))
    posts = [post for post in world.posts if post.external_id == account.external_id]
    refs = [PostRef(post.post_id, post.published_at, post.post_type) for post in posts]
    if of_account:
        assert list(fetcher.list_posts(NOW - timedelta(days=_DAYS), NOW))
        assert fetcher.fetch_account_days(date(2026, 3, 1), NOW.date())
    # By type and in small pieces as well: many posts at once are read off the listing.
    by_type = {ref.post_type: [each for each in refs if each.post_type == ref.post_type][:5] for ref in refs}
    for some in (refs, *by_type.values()):
        assert [reading for reading in fetcher.fetch_many(some) if reading.analytics]
    for some in by_type.values():
        fetcher.fetch_post_analytics("1", some[0].platform_post_id)
    fetcher.close()
    return sent
