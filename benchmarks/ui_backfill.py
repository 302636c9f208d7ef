"""`ui-backfill`: how long a backfill takes that is launched in the UI, with webserver and daemon at work.

Here: `analytics-pipeline dev` as a process of its own, asked over GraphQL as the UI asks it. Not here: the world
(`world.py`), what a backfill has stored (`backfill.py`).
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import requests
import typer

from analytics_pipeline.settings import get_settings
from benchmarks.backfill import connected_accounts, publish_days, runs, what_is_stored
from benchmarks.fetch import AsJson, IntoReadme, Platforms, platforms_from
from benchmarks.processes import Environment, in_fresh_process
from benchmarks.report import Report

Ask = Callable[..., Any]

_LAUNCH = """mutation($wanted: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $wanted) {
    ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_STATUS = "query($id: String!) { partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"
_READY = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError { __typename } } } }
    instance { daemonHealth { allDaemonStatuses { healthy } } } }"""
_GOING_ON = """{ runsOrError(filter: {statuses: [QUEUED, NOT_STARTED, STARTING, STARTED]}) {
    ... on Runs { results { runId } } } }"""
_LONGEST = 1200
_LOOKED = 5
"""Seconds between two looks, as the UI takes them: an answer costs processor time that the backfill could use."""


def ui_backfill(
    accounts: Annotated[int, typer.Option(min=1, help="Accounts per platform.")] = 10,
    posts: Annotated[int, typer.Option(min=1, help="Posts per account.")] = 1000,
    days: Annotated[int, typer.Option(min=1, help="Publish days, today included, over which they are spread.")] = 365,
    platform: Platforms = None,
    as_json: AsJson = False,
    readme: IntoReadme = False,
) -> None:
    """Measure the same backfill launched in the UI: from the click to its end, and until the summaries have followed."""
    report = Report("ui-backfill")
    chosen = platforms_from(platform)
    # No refresh beside it: that would read the same posts.
    quiet = {f"{each.upper()}_REFRESH": "off" for each in chosen}
    with connected_accounts(chosen, accounts, posts, days, **quiet) as (environment, running):
        with _dev(environment) as ask:
            started = time.perf_counter()
            _launch(ask, chosen, days)
            ended = time.perf_counter() - started
            while _going_on(ask) or _summarised(environment) < len(chosen) * accounts * posts:
                if time.perf_counter() - started > _LONGEST:
                    raise RuntimeError(f"the summaries did not follow within {_LONGEST} s")
                time.sleep(_LOOKED)
            followed = time.perf_counter() - started
        url = environment["DATABASE_URL"]
        (stored,), its_runs = what_is_stored(url), runs(url)
        calls = len(running.log())
    report.tables["A backfill from the UI"] = [
        {
            "days": days,
            "platforms": len(chosen),
            "posts_per_platform": accounts * posts,
            "seconds": round(ended, 1),
            "seconds_with_summaries": round(followed, 1),
            "readings_stored": stored["readings"],
            "posts_in_summaries": int(stored["summarised"] or 0),
            "units_left": stored["units_left"],
            "calls": calls,
            "days_per_run": get_settings().backfill_days_per_run,
        }
    ]
    report.tables["Its runs"] = its_runs
    report.show(as_json, readme)


@contextmanager
def _dev(environment: Environment) -> Iterator[Ask]:
    """`analytics-pipeline dev`, once all of it is up; gives what asks its GraphQL, None while it does not answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("analytics-pipeline")), "dev", "--port", str(port)]
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip

    def ask(query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        try:
            return requests.post(f"http://127.0.0.1:{port}/graphql", json=body, timeout=60).json().get("data")
        except (requests.ConnectionError, requests.JSONDecodeError):
            return None

    try:
        while not _is_up(ask(_READY)):
            if process.poll() is not None:
                raise RuntimeError(f"{' '.join(command[1:])} ended with {process.returncode}")
            time.sleep(1)
        yield ask
    finally:
        os.killpg(process.pid, signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _is_up(told: Any) -> bool:
    if not told:
        return False
    locations = told["workspaceOrError"].get("locationEntries") or []
    daemons = told["instance"]["daemonHealth"]["allDaemonStatuses"]
    loaded = [each["locationOrLoadError"] or {} for each in locations]
    return bool(loaded and daemons) and (
        all(each.get("__typename") == "RepositoryLocation" for each in loaded)
        and all(each["healthy"] for each in daemons)
    )


def _launch(ask: Ask, platforms: Sequence[str], days: int) -> None:
    """The backfill, from its launch to its end. Raises RuntimeError where it is refused, fails, or takes too long."""
    first, _ = publish_days(days)
    wanted = {
        "assetSelection": [
            {"path": [each, name]} for each in platforms for name in ("published_posts", "post_analytics")
        ],
        "partitionNames": [f"{first + timedelta(days=n)}" for n in range(days)],
    }
    launched = ask(_LAUNCH, wanted=wanted)["launchPartitionBackfill"]
    if "backfillId" not in launched:
        raise RuntimeError(f"Dagster refused the backfill: {launched.get('message')}")
    until = time.monotonic() + _LONGEST
    status = "REQUESTED"
    while status == "REQUESTED":
        if time.monotonic() > until:
            raise RuntimeError(f"the backfill did not end within {_LONGEST} s")
        time.sleep(_LOOKED)
        told = ask(_STATUS, id=launched["backfillId"])
        status = told["partitionBackfillOrError"]["status"] if told else status
    if status != "COMPLETED_SUCCESS":
        raise RuntimeError(f"the backfill ended as {status}")


def _going_on(ask: Ask) -> bool:
    told = ask(_GOING_ON)
    return told is None or bool(told["runsOrError"]["results"])


def _summarised(environment: Environment) -> int:
    return in_fresh_process(environment, _posts_in_summaries)


def _posts_in_summaries() -> int:
    from analytics_pipeline.database.engine import get_engine

    with get_engine().connect() as connection:
        if connection.exec_driver_sql("select to_regclass('analytics_summaries')").scalar() is None:
            return 0
    return int(what_is_stored(os.environ["DATABASE_URL"])[0]["summarised"] or 0)
