"""The command line from connecting an account to removing it, each command a process of its own."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from analytics_pipeline.sandbox.model import Account, Observation, Post
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import World
from tests.end_to_end.command_line import CommandLine

SECRETS = {"twitter": "x-secret-of-acme", "linkedin": "li-secret-of-acme"}
REFRESH_TOKEN = "li-refresh-of-acme"


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Three posts on X with likes 1, 2, 3; one on LinkedIn."""
    published_at = datetime.now(UTC) - timedelta(days=3)
    accounts = [Account(platform, "77", "Acme", access_token=token) for platform, token in SECRETS.items()]
    posts = [Post("twitter", "77", f"190000000000000000{n}", published_at + timedelta(hours=n)) for n in (1, 2, 3)]
    posts.append(Post("linkedin", "77", "urn:li:share:7300000000000000001", published_at))
    observations = [
        Observation(p.platform, p.post_id, published_at, likes=n, comments=0, shares=0, impressions=100)
        for n, p in enumerate(posts, start=1)
    ]
    with SandboxServer(World("acme", accounts, posts, observations)) as server:
        yield server


def a_post_on_x(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.scalar(text("select min(id) from published_posts where platform = 'twitter'")))


def test_from_connecting_to_removing(engine: Engine, sandbox: SandboxServer, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    given = {"access_token": SECRETS["linkedin"], "refresh_token": REFRESH_TOKEN, "expires_in": 5_184_000}
    token_file.write_text(json.dumps(given))
    command = CommandLine(sandbox, tmp_path / "home", X_TOKEN=SECRETS["twitter"])
    printed = [
        command.run(
            "accounts", "add", "--business", "Acme", "--platform", "twitter", "--id", "77", "--name", "Acme on X",
            "--token-env", "X_TOKEN",
        ),
        command.run(
            "accounts", "add", "--business", "1", "--platform", "linkedin", "--id", "77", "--token-file", str(token_file)
        ),
        synced := command.run("sync", "--business", "1", "--json"),
        one := command.run("sync-post", a_post_on_x(engine), "--json"),
        status := command.run("status", "--business", "1", "--json"),
        moved := command.run("accounts", "time-zone", "Acme", "Asia/Kathmandu"),
        removed := command.run("accounts", "remove", "1"),
        accounts := command.run("accounts", "list"),
    ]  # fmt: skip

    assert "twitter account 77 is connected to Acme (business 1) as 1." in printed[0]
    report = json.loads(synced)
    assert {name: report[name] for name in ("total_posts", "synced", "failed", "rate_limited", "errors")} == {
        "total_posts": 4, "synced": 4, "failed": 0, "rate_limited": 0, "errors": [],
    }  # fmt: skip
    assert {platform: counts["synced"] for platform, counts in report["by_platform"].items()} == {
        "twitter": 3,
        "linkedin": 1,
    }
    assert report["by_platform"]["twitter"]["cost_usd"] == 3 * 0.005
    assert [row["cost_usd"] for row in report["by_account"]] == [3 * 0.005, None]
    again = json.loads(one)
    assert again["synced"] == 1
    assert (again["posts_read"], again["cost_usd"]) == (1, 0.0), "another process, the same day: paid already"
    assert report["api_calls"] + again["api_calls"] == len(sandbox.requests)
    assert [set(day.values()) for day in sandbox.billed.values()] == [{"post_read"}]
    found = json.loads(status)
    assert (found["total_posts"], found["synced_posts"], found["sync_percentage"]) == (4, 4, 100.0)
    assert datetime.fromisoformat(found["last_sync_at"]) > datetime.now(UTC) - timedelta(minutes=5)
    assert "Acme (business 1) lives in Asia/Kathmandu" in moved
    assert "its history stays" in removed
    lines = {platform: next(line for line in accounts.splitlines() if f" {platform} " in line) for platform in SECRETS}
    assert "Acme on X" in lines["twitter"]
    assert "disconnected" in lines["twitter"]
    assert " connected" in lines["linkedin"]
    assert not any(secret in "".join(printed) for secret in (REFRESH_TOKEN, *SECRETS.values()))
    with engine.connect() as connection:
        assert connection.scalar(text("select sum(likes_count) from post_analytics")) == 1 + 2 + 3 + 4
        assert connection.scalar(text("select timezone from businesses")) == "Asia/Kathmandu"
        removed_token, kept_token = connection.scalars(text("select access_token from social_accounts order by id"))
        no_token, refresh_token = connection.scalars(text("select refresh_token from social_accounts order by id"))
        life = connection.scalar(text("select token_expires_at - now() from social_accounts where id = 2"))
    assert removed_token is no_token is None
    assert timedelta(days=59) < life < timedelta(days=60)
    assert REFRESH_TOKEN not in refresh_token
    assert SECRETS["linkedin"] not in kept_token


def test_what_cannot_be_is_refused_in_one_line(engine: Engine, sandbox: SandboxServer, tmp_path: Path) -> None:
    """Here as a process; what else is refused, in this one: `tests/cli/test_refusals.py`."""
    process = CommandLine(sandbox, tmp_path / "home").start("sync", "--business", "9")
    output, errors = process.communicate()
    assert (process.returncode, output, errors) == (1, "", "Error: there is no business 9\n")
    assert sandbox.requests == []
