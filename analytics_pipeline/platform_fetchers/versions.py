"""Versions of the platforms' APIs and when they end.

Here: what the documents say. Not here: the versions themselves (`settings.py`), who warns (health, alerts).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from analytics_pipeline.platform_fetchers.linkedin_wire import sunset_of
from analytics_pipeline.settings import Settings

WARNED_BEFORE: Final = timedelta(days=60)
"""How long before its end a version is worth a warning (platforms/linkedin.md §1)."""

_META_ENDS: Final = {
    "v18.0": date(2026, 1, 26),
    "v19.0": date(2026, 5, 21),
    "v20.0": date(2026, 9, 24),
    "v21.0": date(2027, 1, 21),
    "v22.0": date(2027, 5, 20),
    "v23.0": date(2027, 10, 8),
    "v24.0": date(2028, 2, 18),
    "v25.0": date(2028, 7, 29),
}
"""Last day on which a version of the Graph API answers (platforms/facebook.md §1); newer ones have no date yet."""


@dataclass(frozen=True, slots=True)
class ApiVersion:
    """A version that a setting chooses. `sunset` is the day about which it ends, None where no end is known."""

    setting: str
    version: str
    platforms: tuple[str, ...]
    sunset: date | None
    after_sunset: str
    """What calls meet from then on."""

    def ends_soon(self, today: date) -> bool:
        """Whether it has ended by `today` (UTC), or will within WARNED_BEFORE."""
        return self.sunset is not None and today >= self.sunset - WARNED_BEFORE

    def has_ended(self, today: date) -> bool:
        """Whether `today` (UTC) is after the sunset."""
        return self.sunset is not None and today > self.sunset


def in_use(settings: Settings) -> Iterator[ApiVersion]:
    """Every version that the settings choose. X has none to choose."""
    linkedin, meta = settings.linkedin_api_version, settings.meta_api_version
    yield ApiVersion(
        "LINKEDIN_API_VERSION", linkedin, ("linkedin",), sunset_of(linkedin), "LinkedIn refuses every call (426)"
    )
    yield ApiVersion(
        "META_API_VERSION",
        meta,
        ("facebook", "instagram"),
        _META_ENDS.get(meta),
        "Meta answers with the oldest version that lives, whose figures may differ",
    )
