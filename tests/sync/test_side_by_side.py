"""Accounts side by side: how many calls are under way at once, and how Python itself is set meanwhile."""

import gc
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.http import BoundedAdapter
from analytics_pipeline.sandbox.model import Account, ClockSettings, Observation, Post, World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.settings import get_settings
from analytics_pipeline.sync import AnalyticsSyncService, plan
from analytics_pipeline.sync.accounts import connect
from analytics_pipeline.sync.interpreter import set_for_replies
from tests.platform_fetchers.x_account import post_id

NOW = datetime(2026, 9, 30, 12, tzinfo=UTC)
ACCOUNTS = [str(2_200_000_000 + n) for n in range(8)]
THREADS = 2


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxServer]:
    """A sandbox with eight accounts on X, whose every answer takes a while; SYNC_THREADS is 2."""
    published = {account: NOW - timedelta(hours=n + 1) for n, account in enumerate(ACCOUNTS)}
    posts = [Post("twitter", account, post_id(at, n), at) for n, (account, at) in enumerate(published.items())]
    world = World(
        accounts=[Account("twitter", account, "X", access_token=f"token-of-{account}") for account in ACCOUNTS],
        posts=posts,
        observations=[Observation("twitter", post.post_id, post.published_at, likes=1) for post in posts],
        clock=ClockSettings("fixed", NOW),
    )
    with SandboxServer(world) as server:
        server.script_fault("delay", platform="twitter", seconds=0.05, times=0)
        monkeypatch.setenv("SYNC_THREADS", str(THREADS))
        get_settings.cache_clear()
        yield server
    get_settings.cache_clear()


def fetcher(running: SandboxServer, account: plan.Account) -> BasePlatformFetcher:
    """The platform's fetcher, at the sandbox's time."""
    return FETCHERS["twitter"].for_account(
        account.access_token, account.external_id, base_url=f"{running.url}/twitter", clock=lambda: NOW
    )


class Calls:
    """Counts the calls that are under way, looking at each while it is sent."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = self.under_way = 0
        self.thresholds: set[int] = set()
        self.turns: set[float] = set()
        lock = threading.Lock()
        send = BoundedAdapter.send

        def counted(adapter: BoundedAdapter, *arguments: Any, **named: Any) -> requests.Response:
            with lock:
                self.under_way += 1
                self.most = max(self.most, self.under_way)
                self.thresholds.add(gc.get_threshold()[0])
                self.turns.add(sys.getswitchinterval())
            try:
                return send(adapter, *arguments, **named)
            finally:
                with lock:
                    self.under_way -= 1

        monkeypatch.setattr(BoundedAdapter, "send", counted)


def test_as_many_calls_are_under_way_at_once_as_the_setting_says(
    running: SandboxServer, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    business = Business(name="Acme")
    session.add(business)
    session.flush()
    for account in ACCOUNTS:
        connect(session, business, "twitter", account, f"token-of-{account}")
    session.commit()
    calls = Calls(monkeypatch)
    before, turn = gc.get_threshold(), sys.getswitchinterval()
    service = AnalyticsSyncService(session, make_fetcher=lambda account: fetcher(running, account), clock=lambda: NOW)
    report = service.sync_business_analytics(1, ["twitter"])
    assert (report["synced"], report["api_calls"]) == (len(ACCOUNTS), len(running.requests))
    assert calls.most == THREADS
    assert min(calls.thresholds) > before[0]
    assert max(calls.turns) < turn
    assert (gc.get_threshold(), sys.getswitchinterval()) == (before, turn)


def test_the_last_to_leave_puts_both_back() -> None:
    before = gc.get_threshold(), sys.getswitchinterval()
    with set_for_replies():
        rare, short = gc.get_threshold(), sys.getswitchinterval()
        with set_for_replies():
            pass
        assert (gc.get_threshold(), sys.getswitchinterval()) == (rare, short)
        assert rare != before[0]
        assert short != before[1]
    assert (gc.get_threshold(), sys.getswitchinterval()) == before


def test_a_collector_that_is_turned_off_stays_so() -> None:
    before = gc.get_threshold()
    gc.set_threshold(0, *before[1:])
    try:
        with set_for_replies():
            assert gc.get_threshold()[0] == 0
    finally:
        gc.set_threshold(*before)
