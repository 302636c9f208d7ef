"""How much of Meta's quota is used: its usage headers, when to slow down, when to stop.

Source: platforms/facebook.md §6. Not here: throttle errors (graph_errors.py), who keeps the stop (quota.py).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from analytics_pipeline.platform_fetchers.http import LONGEST_WAIT
from analytics_pipeline.platform_fetchers.quota import Scope

SLOW_FROM: Final = 75.0
STOP_AT: Final = 90.0
"""Per cent of the quota: from the first on calls are spaced out, from the second on none is sent."""

HOLD: Final = 300.0
"""Seconds without calls above STOP_AT, or after a throttle, where Meta names no time: its windows roll."""

_LONGEST_PAUSE: Final = 5.0

_APP_HEADERS: Final = ("x-app-usage",)
_ACCOUNT_HEADERS: Final = ("x-page-usage",)


@dataclass(frozen=True, slots=True)
class Load:
    """What a reply told of one quota: the share that is used, and the minutes until calls are allowed again."""

    scope: Scope
    percent: float
    minutes: float

    @property
    def hold(self) -> float:
        """Seconds for which no call should be sent; 0 below STOP_AT, unless Meta itself names a time."""
        return self.minutes * 60 or (HOLD if self.percent >= STOP_AT else 0.0)


def pause(percent: float) -> float:
    """Seconds to leave before the next call: none below SLOW_FROM, then more and more."""
    return max(0.0, _LONGEST_PAUSE * (min(percent, STOP_AT) - SLOW_FROM) / (STOP_AT - SLOW_FROM))


def loads(headers: Mapping[str, Any], kind: str, account_id: str | None = None) -> list[Load]:
    """The app's quota and the account's, as far as the usage headers of a reply tell them.

    `kind` is the `type` of the entries that count in x-business-use-case-usage: `pages` or `instagram`. Where one of its
    up to 32 objects is the account, only that counts.
    """
    by_object = _json(headers.get("x-business-use-case-usage"))
    of_account = [_json(headers.get(name)) for name in _ACCOUNT_HEADERS]
    objects = by_object if isinstance(by_object, dict) else {}
    for listed in [objects[account_id]] if account_id in objects else objects.values():
        if isinstance(listed, list):
            of_account += [entry for entry in listed if isinstance(entry, dict) and entry.get("type") == kind]
    found = (_load("app", [_json(headers.get(name)) for name in _APP_HEADERS]), _load("account", of_account))
    return [load for load in found if load is not None]


def minutes_to_wait(headers: Mapping[str, Any], kind: str, account_id: str | None = None) -> float:
    """Minutes until calls are allowed again, by a reply's headers; 0 where they do not say."""
    return max((load.minutes for load in loads(headers, kind, account_id)), default=0.0)


def _load(scope: Scope, entries: list[Any]) -> Load | None:
    percent = _highest(entries, "call_count", "total_time", "total_cputime")
    minutes = _highest(entries, "estimated_time_to_regain_access")
    if percent is None and minutes is None:
        return None
    return Load(scope, percent or 0.0, min(max(0.0, minutes or 0.0), LONGEST_WAIT / 60))


def _highest(entries: list[Any], *names: str) -> float | None:
    values = [entry.get(name) for entry in entries if isinstance(entry, dict) for name in names]
    return max((float(value) for value in values if isinstance(value, int | float)), default=None)


def _json(value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else None
    except ValueError:
        return None
