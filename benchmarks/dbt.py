"""dbt as a run of the pipeline calls it: a process of its own, with the project that was parsed before.

Not here: what is built. dbt tells of itself in lines of JSON and in run_results.json.
"""

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Invocation:
    """What one call of dbt took, in seconds.

    `sql` is the time of all statements for models (or tests), hooks included, by dbt's log; `models` the sum of the
    execution times by run_results.json, which have dbt's own work in them too. dbt works on two at a time, so that both
    may be more than `wall`, from start to end of the process. `before_sql` is what passed until the first statement.
    `parsed` is whether dbt has read the project anew. `names` are those of the models.
    """

    sql: float
    models: float
    wall: float
    before_sql: float = 0.0
    parsed: bool = False
    names: tuple[str, ...] = ()


class Dbt:
    """The project on the database of the settings, which are read when this is made."""

    def __init__(self) -> None:
        # Here, as importing them takes seconds, and reads the settings.
        from analytics_pipeline.assets.analytics_summaries import changed_days, parsed_for_runs
        from analytics_pipeline.database.engine import dbt_environment
        from analytics_pipeline.dbt_project import DBT_PROJECT, dbt_executable

        started = time.perf_counter()
        self._parsed = parsed_for_runs()
        self.parse_seconds = time.perf_counter() - started
        self._changed_days = changed_days
        self._environment = os.environ | dbt_environment()
        self._project = DBT_PROJECT.project_dir
        self._executable = dbt_executable()

    def __call__(self, *arguments: str, days: tuple[date, date] | None = None) -> Invocation:
        """Calls dbt with a fresh target folder, as dagster-dbt does. Raises RuntimeError with what dbt said."""
        target = self._parsed / "benchmark"
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        shutil.copy(self._parsed / "partial_parse.msgpack", target)
        changed = self._changed_days(str(days[0]), str(days[1])) if days else {}
        options = ["--log-format", "json", "--log-level", "debug", "--log-level-file", "none"]
        began, started = time.time(), time.perf_counter()
        done = subprocess.run(
            [self._executable, *options, *arguments],
            cwd=self._project,
            env=self._environment | changed | {"DBT_TARGET_PATH": str(target), "DBT_LOG_PATH": str(target)},
            capture_output=True,
            text=True,
            check=False,
        )
        wall = time.perf_counter() - started
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode:
            raise RuntimeError("\n".join(event["info"]["msg"] for event in events if event["info"]["level"] == "error"))
        return _told(events, target, began, wall)


def _told(events: list[dict[str, Any]], target: Path, began: float, wall: float) -> Invocation:
    named: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        named.setdefault(event["info"]["name"], []).append(event)
    ends = [event["data"] for event in named["SQLQueryStatus"]]
    results = json.loads((target / "run_results.json").read_text())["results"]
    return Invocation(
        sql=sum(data["elapsed"] for data in ends if "node_info" in data),
        models=sum(result["execution_time"] for result in results),
        wall=wall,
        before_sql=datetime.fromisoformat(named["SQLQuery"][0]["info"]["ts"]).timestamp() - began,
        parsed="PartialParsingSkipParsing" not in named,
        names=tuple(result["unique_id"].split(".")[2] for result in results),
    )
