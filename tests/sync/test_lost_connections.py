"""The database goes away while a platform is asked for a token: its answer must not be lost, good for one use as it is."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import IntegrityError

from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request
from tests.sync.token_world import TokenWorld, X, running

RECOVERY = 600
"""Seconds that the embedded server may take to come up after a crash."""


@pytest.fixture
def world(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenWorld]:
    """Accounts 1 to 4 on four platforms; their tokens have no known end."""
    with running(engine, monkeypatch) as world:
        yield world


@pytest.fixture
def server() -> Iterator[PlatformServer]:
    """A platform that answers as the test says."""
    with PlatformServer() as running:
        yield running


def test_a_connection_lost_during_the_call_does_not_cost_the_pair(world: TokenWorld, server: PlatformServer) -> None:
    kill = text(
        "select pg_terminate_backend(pid) from pg_stat_activity "
        "where datname = current_database() and pid <> pg_backend_pid() and state = 'idle in transaction'"
    )

    def answer(_: Request) -> Answer:
        with world.engine.connect() as connection:
            assert connection.execute(kill).all() == [(True,)]
        return Answer(json={"access_token": "new", "refresh_token": "next", "expires_in": 7200})

    server.answer = answer
    world.configure(TWITTER_BASE_URL=server.url)
    assert world.tokens(X).renewed("CANARY-access-twitter", ask=True) == "new"
    assert (world.row(X).access_token, world.row(X).refresh_token) == ("new", "next")
    assert len(server.requests) == 1


def test_nor_does_a_database_that_starts_again_or_a_standby_that_takes_its_place(
    world: TokenWorld, server: PlatformServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = world.engine.url
    elsewhere = create_engine(ours.set(database="postgres"), isolation_level="AUTOCOMMIT")
    waits: list[float] = []
    real = time.monotonic

    def shut(yes: bool) -> None:
        with elsewhere.connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{ours.database}" ALLOW_CONNECTIONS {not yes}'))
            if yes:
                ended = "select pg_terminate_backend(pid) from pg_stat_activity where datname = :name"
                connection.execute(text(ended), {"name": ours.database})

    def read_only(setting: str) -> None:
        with elsewhere.connect() as connection:
            connection.execute(text(f'ALTER DATABASE "{ours.database}" SET default_transaction_read_only = {setting}'))

    def answer(_: Request) -> Answer:
        shut(True)
        return Answer(json={"access_token": "new", "refresh_token": "next", "expires_in": 7200})

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if sum(waits) == RECOVERY - 2:
            read_only("on")
            shut(False)
        elif sum(waits) == RECOVERY:
            world.engine.dispose()
            read_only("default")

    server.answer = answer
    world.configure(TWITTER_BASE_URL=server.url)
    monkeypatch.setattr("time.sleep", wait)
    monkeypatch.setattr("time.monotonic", lambda: real() + sum(waits))
    try:
        assert world.tokens(X).renewed("CANARY-access-twitter", ask=True) == "new"
    finally:
        shut(False)
        elsewhere.dispose()
    assert (world.row(X).access_token, world.row(X).refresh_token) == ("new", "next")
    assert (sum(waits), len(server.requests)) == (RECOVERY, 1)


def test_what_the_database_will_never_take_is_not_offered_again(
    world: TokenWorld, server: PlatformServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    with world.engine.begin() as connection:
        connection.execute(text("ALTER TABLE social_accounts ADD CHECK (token_expires_at IS NULL)"))
    server.answer = lambda _: Answer(json={"access_token": "new", "refresh_token": "next", "expires_in": 7200})
    world.configure(TWITTER_BASE_URL=server.url)
    monkeypatch.setattr("time.sleep", waits.append)
    real = time.monotonic
    monkeypatch.setattr("time.monotonic", lambda: real() + sum(waits))
    with pytest.raises(IntegrityError):
        world.tokens(X).renewed("CANARY-access-twitter", ask=True)
    assert waits == []
