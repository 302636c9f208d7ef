"""What a set of real figures is to the tests: a world to be read, when it is read, and what must then be stored.

Here: shapes, and reading `../shared/data`. Not here: any one set (`facebook.py` …), the run (`replay.py`).
Worlds are built row by row, the expected figures column by column with pandas: neither comes from the other.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pandas as pd

from analytics_pipeline.sandbox.model import ClockSettings
from analytics_pipeline.sandbox.world import World
from analytics_pipeline.settings import PROJECT_DIR

DATA = PROJECT_DIR.parent / "shared" / "data"


@dataclass(frozen=True)
class Reading:
    """One Dagster run: at the moment `at`, the posts that `accounts` published on `first` to `last` (UTC days)."""

    at: datetime
    first: date
    last: date
    accounts: frozenset[str]


@dataclass(frozen=True)
class RealSet:
    """One set. `posts` (account, business, post, published_at): what the platform lists; `observed` (post, read_at,
    figures): what must be stored, a figure that the set lacks has no column. Blank is <NA>.
    """

    platform: str
    world: World
    readings: Sequence[Reading]
    posts: pd.DataFrame
    observed: pd.DataFrame

    def known_posts(self, readings: int) -> pd.DataFrame:
        """The posts that the first `readings` readings have found."""
        found = pd.Series(data=False, index=self.posts.index)
        for reading in self.readings[:readings]:
            days = self.posts.published_at.dt.date
            found |= self.posts.account.isin(reading.accounts) & days.between(reading.first, reading.last)
        return self.posts[found]

    def observed_by(self, readings: int) -> pd.DataFrame:
        """The observations that the first `readings` readings have made."""
        return self.observed[self.observed.read_at.isin([reading.at for reading in self.readings[:readings]])]


def standing_clock(at: datetime) -> ClockSettings:
    """World time that moves only when a test moves it."""
    return ClockSettings(mode="fixed", start=at)


def rows(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file of the data, as text."""
    with (DATA / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def frame(name: str) -> pd.DataFrame:
    """The same as a table; whole numbers, written as decimals or not, are whole numbers, blanks are <NA>."""
    return pd.read_csv(DATA / name).convert_dtypes()


def count(text: str) -> int | None:
    """A count of a CSV file, which may be written `825.0`; None where it is blank."""
    return int(float(text)) if text else None
