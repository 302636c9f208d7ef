"""A plain HTTP client for the Meta sandbox, and the rows that its tests share. Not here: worlds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import requests

from analytics_pipeline.sandbox.model import Account, ClockSettings, Post, World
from analytics_pipeline.sandbox.server import SandboxServer

NOW = datetime(2026, 9, 15, 20, 0, tzinfo=UTC)
"""13:00 in California, summer time."""
PAGE = "104928374650192"
TOKEN = "page-token"


def page(**columns: Any) -> Account:
    values: dict[str, Any] = {"display_name": "Acme", "business": "Acme Ltd", "access_token": TOKEN, "followers": 5000}
    return Account("facebook", columns.pop("external_id", PAGE), **{**values, **columns})


def page_post(
    number: int = 1, published_at: datetime = datetime(2026, 9, 14, 8, 31, 7, tzinfo=UTC), **columns: Any
) -> Post:
    return Post("facebook", columns.pop("external_id", PAGE), f"{PAGE}_{number}", published_at, **columns)


def at(day: int, hour: int = 0, month: int = 9) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=UTC)


@dataclass
class Client:
    """`base` is a platform's address with a version; every call carries `token`."""

    sandbox: SandboxServer
    base: str
    token: str | None
    http: requests.Session

    def get(self, path: str, **params: str | int) -> requests.Response:
        carried = {} if self.token is None else {"access_token": self.token}
        return self.http.get(f"{self.base}/{path}", params={**carried, **params}, timeout=5)

    def json(self, path: str, **params: str | int) -> Any:
        """The body of a good answer."""
        answer = self.get(path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def error(self, path: str, **params: str | int) -> tuple[int, dict[str, Any]]:
        """Status and `error` of a refused call."""
        answer = self.get(path, **params)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]

    def metrics(self, path: str, **params: str | int) -> dict[str, Any]:
        """Lifetime insights: metric → value."""
        data = self.json(path, **params)["data"]
        return {each["name"]: each["values"][0]["value"] for each in data if each["period"] == "lifetime"}

    def batch(self, *relative_urls: str, **form: str) -> requests.Response:
        entries = "[" + ",".join(f'{{"method":"GET","relative_url":"{url}"}}' for url in relative_urls) + "]"
        carried = {} if self.token is None else {"access_token": self.token}
        return self.http.post(f"{self.base}/", data={**carried, "batch": entries, **form}, timeout=5)


@contextmanager
def serving(
    world: World, platform: str = "facebook", token: str | None = TOKEN, version: str = "v25.0", now: datetime = NOW
) -> Iterator[Client]:
    """A running sandbox whose clock stands at `now`, and a client for one of its platforms."""
    world.clock = ClockSettings("fixed", now)
    with SandboxServer(world) as sandbox, requests.Session() as http:
        yield Client(sandbox, f"{sandbox.url}/{platform}/{version}", token, http)
