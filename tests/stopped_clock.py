"""A clock that stands still, for code that asks the machine what time it is: a test may begin before and end after midnight."""

from datetime import datetime, tzinfo
from typing import Self


def stopped_at(moment: datetime) -> type[datetime]:
    """A `datetime` whose `now` is always that moment, to be put in place of a module's own."""

    class Stopped(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Self:
            return cls.fromtimestamp(moment.timestamp(), tz)

    return Stopped
