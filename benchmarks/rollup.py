"""`rollup`: what dbt takes to build the marts, and to follow what changes, on a database with years of readings.

Here: the order of measurements and their tables. Not here: the rows (`history.py`), calling dbt (`dbt.py`).
"""

import os
import statistics
import time
from datetime import date, timedelta
from typing import Annotated

import psycopg
import typer

from analytics_pipeline.cli.console import errors
from benchmarks import history
from benchmarks.dbt import Dbt, Invocation
from benchmarks.processes import database_server, in_fresh_process
from benchmarks.report import Report, Row

SIZES = [10_000, 33_333, 100_000]
SCOPES = {"analytics_summaries": ("--select", "+analytics_summaries"), "all marts": ()}
"""What is built → dbt's options; with the models that it is built from."""

_CHANGED = (history.CHANGED_DAY, history.CHANGED_DAY)
_PLAIN_GROUP_BY = """
SELECT platform, published_on, count(*), sum(likes_count), sum(comments_count), sum(shares_count), sum(impressions),
    sum(reach), sum(clicks), sum(video_views)
FROM post_analytics GROUP BY platform, published_on
"""

Titled = tuple[str, Row]
"""A row, after the title of its table."""


def rollup(
    posts: Annotated[
        list[int] | None, typer.Option(min=history.POSTS_PER_DAY, help="Posts in the database; may be repeated.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often one changed day is measured; medians are told.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    readme: Annotated[bool, typer.Option("--readme", help="Put the tables into benchmarks/README.md.")] = False,
) -> None:
    """Measure the marts on posts with 30 daily readings each: first build, one more day of readings, one changed day."""
    report = Report("rollup")
    tables: dict[str, list[Row]] = {}
    with database_server() as fresh:
        for size in posts or SIZES:
            errors.print(f"{size:,} posts …")
            for title, row in in_fresh_process(fresh(f"posts_{size}"), measure, size, rounds):
                tables.setdefault(title, []).append(row)
    report.tables.update(tables)
    report.show(as_json, readme)


def measure(posts: int, rounds: int) -> list[Titled]:
    """Fills the database of the settings with so many posts, and measures."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        history.fill(connection, posts)
        bench = _Bench(connection, Dbt(), posts * history.READINGS)
        bench.first_build()
        bench.one_changed_day(rounds)
        bench.one_more_day(posts, history.LAST_READING + timedelta(days=rounds + 1))
        bench.yardsticks()
        bench.calls()
        return bench.rows


class _Bench:
    """One filled database. The order of measurements matters: each leaves the marts up to date."""

    def __init__(self, connection: history.Connection, dbt: Dbt, observations: int) -> None:
        self.rows: list[Titled] = []
        self._connection, self._dbt, self._observations = connection, dbt, observations
        self._of_changed_days: list[Invocation] = []

    def first_build(self) -> None:
        for scope, select in SCOPES.items():
            built = self._dbt("run", *select)
            self._tell("First build", {"built": scope}, [built])
            if select:
                self._connection.execute(f"DROP TABLE {', '.join(built.names)}")

    def one_changed_day(self, rounds: int) -> None:
        """Each time after another reading of the day's posts."""
        calls: dict[str, list[Invocation]] = {}
        for later in range(1, rounds + 1):
            moment = history.LAST_READING + timedelta(days=later)
            posts = history.read_again(self._connection, *_CHANGED, moment)
            for scope, select in SCOPES.items():
                calls.setdefault(scope, []).append(self._dbt("run", *select, days=_CHANGED))
            calls.setdefault("dbt's tests of all marts", []).append(self._dbt("test", days=_CHANGED))
        for scope, of_scope in calls.items():
            self._tell("One changed publish day", {"posts": posts, "built": scope}, of_scope)
            self._of_changed_days += of_scope

    def one_more_day(self, posts: int, day: date) -> None:
        first = history.LAST_DAY - timedelta(days=history.days_of(posts) - 1)
        readings = history.read_again(self._connection, first, history.LAST_DAY, day)
        for scope, select in SCOPES.items():
            built = self._dbt("run", *select, days=(first, history.LAST_DAY))
            self._tell("One more day of readings for all posts", {"readings": readings, "built": scope}, [built])

    def yardsticks(self) -> None:
        title = "Yardsticks"
        for scope, select in SCOPES.items():
            self._tell(title, {"what": f"{scope}, from scratch"}, [self._dbt("run", "--full-refresh", *select)])
        started = time.perf_counter()
        self._connection.execute(_PLAIN_GROUP_BY).fetchall()
        seconds = round(time.perf_counter() - started, 2)
        plain = Invocation(sql=seconds, models=seconds, wall=seconds)
        self._tell(title, {"what": "plain GROUP BY of all readings"}, [plain])

    def calls(self) -> None:
        calls = self._of_changed_days
        row: Row = {
            "observations": self._observations,
            "seconds_to_parse_once": round(self._dbt.parse_seconds, 2),
            "calls": len(calls),
            "calls_that_parsed": sum(call.parsed for call in calls),
            "seconds_before_sql": round(statistics.median(call.before_sql for call in calls), 2),
        }
        self.rows.append(("One call of dbt", row))

    def _tell(self, title: str, about: Row, calls: list[Invocation]) -> None:
        """With the medians of the seconds."""
        seconds = {
            f"{name}_seconds": round(statistics.median(getattr(call, name) for call in calls), 2)
            for name in ("sql", "models", "wall")
        }
        self.rows.append((title, {"observations": self._observations, **about, **seconds}))
