"""Counters of calls per window, in world time.

Here: counting. Not here: which windows a platform has, how it words a refusal.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil

from analytics_pipeline.sandbox.model import Account

DEFAULT_WINDOW_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one window has left after this call. `throttled`: this call is one too many. `reset` is world time."""

    limit: int
    remaining: int
    reset: datetime
    throttled: bool

    @property
    def reset_seconds(self) -> int:
        """Unix seconds, rounded up, so that waiting until then is always enough."""
        return ceil(self.reset.timestamp())


class RateLimits:
    """All windows of one sandbox."""

    def __init__(self) -> None:
        self._windows: dict[Hashable, tuple[datetime, int]] = {}
        self._once: dict[Hashable, tuple[int, datetime | None]] = {}

    def take(
        self,
        key: Hashable,
        limit: int,
        seconds: float,
        now: datetime,
        aligned: bool = False,
        calls: int = 1,
        prolonged: bool = False,
    ) -> Allowance:
        """Counts `calls` in the window `key`. It opens with its first call, or at whole multiples of `seconds`
        since 1970 when `aligned` (86,400 = UTC midnight). A refused call is not counted; where the platform has blocks
        `prolonged`, the window lasts `seconds` from it."""
        start = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC) if aligned else now
        opened, used = self._windows.get(key, (start, 0))
        if now >= opened + timedelta(seconds=seconds):
            opened, used = start, 0
        throttled = used + calls > limit
        if not throttled:
            used += calls
        elif prolonged:
            opened = now
        self._windows[key] = (opened, used)
        return Allowance(limit, max(0, limit - used), opened + timedelta(seconds=seconds), throttled)

    def take_account(
        self, account: Account, now: datetime, calls: int = 1, prolonged: bool = False
    ) -> Allowance | None:
        """The limit that the world gives this account (`rate_limit_*` columns); None when it gives none.

        With `rate_limit_once` the account is refused for `rate_limit_seconds`, counted from the first call after
        `rate_limit_after` good ones (however long those took), and is free for ever after. `prolonged`: as for `take`.
        """
        if account.rate_limit_after is None:
            return None
        seconds = account.rate_limit_seconds or DEFAULT_WINDOW_SECONDS
        if not account.rate_limit_once:
            key = ("account", account.key)
            return self.take(key, account.rate_limit_after, seconds, now, calls=calls, prolonged=prolonged)
        used, until = self._once.get(account.key, (0, None))
        begins = until is None and used + calls > account.rate_limit_after
        if begins or (prolonged and until is not None and now < until):
            until = now + timedelta(seconds=seconds)
        if until is None:
            used += calls
        self._once[account.key] = (used, until)
        if until is None:
            left = account.rate_limit_after - used
            return Allowance(account.rate_limit_after, left, now + timedelta(seconds=seconds), False)
        return Allowance(account.rate_limit_after, 0, until, True) if now < until else None
