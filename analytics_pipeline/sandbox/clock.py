"""The world's time: real or standing still, and movable in both cases.

Not here: who asks for it (state.py, server.py).
"""

from datetime import UTC, datetime, timedelta

from analytics_pipeline.sandbox.model import ClockSettings


class WorldClock:
    """UTC. A real clock runs on from where it was set; a fixed one stays there."""

    def __init__(self, settings: ClockSettings) -> None:
        self._fixed = settings.mode == "fixed"
        self._base = datetime.now(UTC)
        self._shift = timedelta(0)
        if settings.start is not None:
            self.set(settings.start)

    def now(self) -> datetime:
        return (self._base if self._fixed else datetime.now(UTC)) + self._shift

    def set(self, moment: datetime) -> None:
        """Makes it `moment` now. Raises ValueError for a time without zone."""
        if moment.tzinfo is None:
            raise ValueError(f"{moment.isoformat()} has no time zone; the world clock is UTC")
        self._shift += moment.astimezone(UTC) - self.now()

    def advance(self, seconds: float) -> None:
        self._shift += timedelta(seconds=seconds)
