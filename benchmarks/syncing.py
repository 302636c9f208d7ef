"""The measured work: the sync service on one platform, called as the assets call it, in a process of its own.

Not here: what its figures are compared with (`bare.py`).
"""

import resource
import sys
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime

from analytics_pipeline.database import engine
from analytics_pipeline.database.models import Business
from analytics_pipeline.sync import AnalyticsSyncService
from analytics_pipeline.sync.accounts import connect
from analytics_pipeline.sync.results import SyncTotals
from benchmarks.world import accounts_of


@dataclass(frozen=True, slots=True)
class SyncRun:
    """One listing and reading of all accounts. `peak_bytes` is the largest resident memory of the process."""

    listing_seconds: float
    reading_seconds: float
    reading_began: datetime
    posts: int
    failed: int
    cpu_seconds: float
    peak_bytes: int

    @property
    def seconds(self) -> float:
        return self.listing_seconds + self.reading_seconds


def connect_accounts(platform: str, accounts: int) -> None:
    """Connects all accounts of the world to one business."""
    with engine.new_session() as session, session.begin():
        business = Business(name="Benchmark")
        session.add(business)
        session.flush()
        for account in accounts_of(platform, accounts):
            connect(session, business, platform, account.external_id, account.access_token)


def sync(platform: str, accounts: int, first: date, last: date) -> SyncRun:
    """Connects the accounts, then finds and reads their posts of `first` to `last`; only the latter is timed."""
    connect_accounts(platform, accounts)
    totals = SyncTotals()
    began, started, cpu = datetime.now(UTC), time.perf_counter(), time.process_time()
    with engine.new_session() as session:
        service = AnalyticsSyncService(session)
        for _ in service.list_posts(platform, first, last):
            pass
        reading_began, listed = datetime.now(UTC), time.perf_counter()
        for day in service.read_days(platform, first, last, reuse_since=began):
            for unit in day.units:
                totals.add(unit)
    ended = time.perf_counter()
    return SyncRun(
        listing_seconds=listed - started,
        reading_seconds=ended - listed,
        reading_began=reading_began,
        posts=totals.synced,
        failed=totals.failed + totals.rate_limited,
        cpu_seconds=time.process_time() - cpu,
        peak_bytes=peak_memory(),
    )


def refresh(platform: str) -> None:
    """Reads all posts that are known once more, without listing."""
    with engine.new_session() as session:
        for _ in AnalyticsSyncService(session).read_days(platform, date(1970, 1, 1), datetime.now(UTC).date()):
            pass


def peak_memory() -> int:
    """Bytes of the largest resident memory this process has had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
