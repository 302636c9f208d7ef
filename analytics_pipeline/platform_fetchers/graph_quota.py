"""How much of Meta's quota is used: its usage headers, when to slow down, when to stop.

Source: platforms/facebook.md §6. Not here: throttle errors (graph_errors.py), what is asked with the quota.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

SLOW_FROM: Final = 75.0
STOP_AT: Final = 90.0
"""Per cent of the quota: from the first on calls are spaced out, from the second on none is sent."""

_LONGEST_PAUSE: Final = 5.0
_HOLD: Final = 300.0
"""Seconds without calls above STOP_AT where Meta does not say when the quota is back: its windows roll."""


class Quota:
    """The quota of one account as the last reply told it. `percent` is the share that is used up, 0 while unknown."""

    def __init__(self, kind: str, clock: Callable[[], datetime]) -> None:
        self._kind = kind
        self._clock = clock
        self._held_until: datetime | None = None
        self.percent = 0.0

    def note(self, headers: Mapping[str, Any]) -> None:
        """Takes in a reply's headers; a reply without usage headers changes nothing."""
        percent, minutes = usage(headers, self._kind)
        if percent is not None:
            self.percent = percent
            hold = timedelta(seconds=minutes * 60 or _HOLD)
            self._held_until = self._clock() + hold if percent >= STOP_AT else None

    def held(self) -> float:
        """Seconds until calls may be sent again; 0 = now. What was known is forgotten when they are over."""
        if self._held_until is None:
            return 0.0
        left = (self._held_until - self._clock()).total_seconds()
        if left <= 0:
            self._held_until, self.percent = None, 0.0
        return max(0.0, left)

    def pause(self) -> float:
        """Seconds to leave before the next call: none below SLOW_FROM, then more and more."""
        return max(0.0, _LONGEST_PAUSE * (self.percent - SLOW_FROM) / (STOP_AT - SLOW_FROM))


def usage(headers: Mapping[str, Any], kind: str) -> tuple[float | None, float]:
    """Highest percentage in the usage headers (None without any), and minutes until the account may call again.

    `kind` is the `type` of the entries that count in x-business-use-case-usage: `pages` or `instagram`.
    """
    entries = [_json(headers.get(name)) for name in ("x-app-usage", "x-page-usage")]
    by_object = _json(headers.get("x-business-use-case-usage"))
    for listed in by_object.values() if isinstance(by_object, dict) else ():
        if isinstance(listed, list):
            entries += [entry for entry in listed if isinstance(entry, dict) and entry.get("type") == kind]

    def highest(*names: str) -> float | None:
        values = [entry.get(name) for entry in entries if isinstance(entry, dict) for name in names]
        return max((value for value in values if isinstance(value, int | float)), default=None)

    return highest("call_count", "total_time", "total_cputime"), highest("estimated_time_to_regain_access") or 0.0


def _json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
