"""Checks of Dagster: its settings, its storage, its daemon. No run is started and none is touched."""

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_shared.yaml_utils import load_yaml_from_path

from analytics_pipeline.database.dagster_storage import instance_ref
from analytics_pipeline.health.finding import Finding
from analytics_pipeline.settings import PROJECT_DIR

HEARTBEAT_SECONDS = 300
"""A daemon without a sign of life for longer is taken for dead. It gives one every 30 seconds."""

_SCHEDULING = ("SCHEDULER", "SENSOR")
_ADVICE = "start it: analytics-pipeline dev, or dagster-daemon run in a deployment"


def dagster_yaml() -> Iterator[Finding]:
    """Whether the settings that Dagster reads in DAGSTER_HOME are those of this version."""
    home = os.environ.get("DAGSTER_HOME")
    ours = PROJECT_DIR / "dagster.yaml"
    if not home:
        yield Finding("dagster.yaml", "ok", "the project's: DAGSTER_HOME is unset")
        return
    theirs = Path(home) / "dagster.yaml"
    copy = f"copy {ours} to {theirs}"
    if not theirs.exists():
        yield Finding("dagster.yaml", "failed", f"missing in DAGSTER_HOME ({home}): Dagster would use SQLite", copy)
        return
    if different := _differences(ours, theirs):
        found = f"{theirs} differs from the project's in {', '.join(different)}"
        yield Finding("dagster.yaml", "warning", found, f"{copy}, unless that is meant")
    else:
        yield Finding("dagster.yaml", "ok", f"{theirs} says the same as the project's")


def _differences(*files: Path) -> list[str]:
    """The sections of the files that do not say the same, whatever their comments."""
    ours, theirs = (load_yaml_from_path(str(file)) for file in files)
    if not isinstance(ours, dict) or not isinstance(theirs, dict):
        return ["everything"]
    return sorted(name for name in {*ours, *theirs} if ours.get(name) != theirs.get(name))


def storage_and_daemon() -> Iterator[Finding]:
    """Whether Dagster's storage can be used as it is, and whether anything runs schedules and sensors, all of them."""
    with dg.DagsterInstance.from_ref(instance_ref()) as instance:
        revisions = {
            part: storage.alembic_version()
            for part, storage in (
                ("runs", instance.run_storage),
                ("events", instance.event_log_storage),
                ("schedules", instance.schedule_storage),
            )
            if storage is not None
        }
        behind = [part for part, known in revisions.items() if known and known[0] != known[1]]
        if behind:
            found = f"the tables of {', '.join(behind)} are not those of Dagster {dg.__version__}"
            yield Finding("Dagster storage", "failed", found, "stop the daemon, then: dagster instance migrate")
        else:
            runs = instance.get_runs_count()
            yield Finding("Dagster storage", "ok", f"{type(instance.run_storage).__name__}, {runs:,} runs")
        yield _daemon(instance.get_daemon_heartbeats(), _switched_off(instance), datetime.now(UTC))


def _switched_off(instance: dg.DagsterInstance) -> list[str]:
    """Schedules and sensors that a person has stopped: all of them run by default. Those of older versions are none."""
    stopped = {state.instigator_name for state in instance.all_instigator_state() if not state.is_running}
    if not stopped:
        return []
    from analytics_pipeline.definitions import defs  # seconds of imports

    return sorted(stopped & {each.name for each in [*(defs.schedules or ()), *(defs.sensors or ())]})


def _daemon(heartbeats: Any, switched_off: Sequence[str], now: datetime) -> Finding:
    known = [heartbeats[name] for name in _SCHEDULING if name in heartbeats]
    if len(known) < len(_SCHEDULING):
        return Finding("Dagster daemon", "warning", "has never run: nothing is read by itself", _ADVICE)
    silent = now.timestamp() - min(heartbeat.timestamp for heartbeat in known)
    if silent > HEARTBEAT_SECONDS:
        last = datetime.fromtimestamp(now.timestamp() - silent, UTC)
        found = f"no sign of life since {last:%Y-%m-%d %H:%M} UTC: nothing is read by itself"
        return Finding("Dagster daemon", "warning", found, _ADVICE)
    errors = [error.message.strip() for heartbeat in known for error in heartbeat.errors or ()]
    if errors:
        return Finding("Dagster daemon", "warning", f"runs, with errors: {errors[0]}", "look at Deployment > Daemons")
    if switched_off:
        found = f"runs, but {', '.join(switched_off)} {'is' if len(switched_off) == 1 else 'are'} switched off"
        advice = "switch them on in the UI, under Automation, unless that is meant"
        return Finding("Dagster daemon", "warning", found, advice)
    return Finding("Dagster daemon", "ok", f"runs; last sign of life {silent:.0f} s ago")
