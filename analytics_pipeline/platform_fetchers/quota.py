"""How many calls may still be sent: asked before every call, told what the platform says of it after every reply.

Here: what any store of quotas does, and one in memory. Not here: the one that all processes share (sync/quota.py), the
reading of a platform's headers (the fetchers).
"""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, Protocol

Scope = Literal["app", "account"]
"""Whose quota it is: that of all accounts of the app together, or of one account."""

ALL_ENDPOINTS: Final = ""


@dataclass(frozen=True, slots=True)
class DailyLimits:
    """Calls per endpoint and UTC day; None = no limit that we know of."""

    app: int | None = None
    account: int | None = None


class CallQuota(Protocol):
    """The quota of one account, and of the app it is read by. Endpoints have names that the fetcher gives them."""

    def take(self, endpoint: str, limits: DailyLimits, now: datetime) -> datetime | None:
        """Counts one call to `endpoint`; or, where none may be sent, says until when (UTC) and counts nothing."""

    def hold(self, scope: Scope, endpoint: str, until: datetime, because: str | None = None) -> datetime | None:
        """Allows no call to `endpoint` (ALL_ENDPOINTS: to any) before `until`, unless a longer hold is known.

        `because`: why, for people, where it is more than a quota that fills up again. Returns the end (UTC) of the hold
        before this one, which may be over; None where there was none.
        """

    def reason(self, endpoint: str, now: datetime) -> str | None:
        """Why no call to `endpoint` may be sent, where `hold` was told."""


class MemoryQuota:
    """The quota as one fetcher has seen it."""

    def __init__(self) -> None:
        self._day: date | None = None
        self._calls: Counter[str] = Counter()
        self._held: dict[str, datetime] = {}
        self._because: dict[str, str | None] = {}

    def take(self, endpoint: str, limits: DailyLimits, now: datetime) -> datetime | None:
        """As CallQuota: this fetcher's account is all that it knows of the app."""
        today = now.astimezone(UTC).date()
        if self._day != today:
            self._day = today
            self._calls.clear()
        held = [until for until, _ in self._holds(endpoint, now)]
        if used_up(limits.app, self._calls[endpoint]) or used_up(limits.account, self._calls[endpoint]):
            held.append(next_utc_day(now))
        if not held:
            self._calls[endpoint] += 1
        return max(held, default=None)

    def hold(self, scope: Scope, endpoint: str, until: datetime, because: str | None = None) -> datetime | None:
        """As CallQuota."""
        before = self._held.get(endpoint)
        if before is None or before <= until:
            self._held[endpoint], self._because[endpoint] = until, because
        return before

    def reason(self, endpoint: str, now: datetime) -> str | None:
        """As CallQuota."""
        held = self._holds(endpoint, now)
        return self._because[max(held)[1]] if held else None

    def _holds(self, endpoint: str, now: datetime) -> list[tuple[datetime, str]]:
        return [(until, name) for name in (endpoint, ALL_ENDPOINTS) if (until := self._held.get(name)) and until > now]


def used_up(limit: int | None, calls: int) -> bool:
    """Whether a limit of calls allows none after `calls`."""
    return limit is not None and calls >= limit


def next_utc_day(now: datetime) -> datetime:
    """The next 00:00 UTC after `now`, when daily quotas are renewed."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time.min, UTC)
