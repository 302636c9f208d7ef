"""The dbt assets: summaries downstream of every platform's raw assets, rebuilt for the publish days that changed."""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtCliResource, dbt_assets

from analytics_pipeline.assets.outdated_summaries import outdated_summaries
from analytics_pipeline.assets.partitions import PUBLISH_DAYS
from analytics_pipeline.assets.shared import OWNERS, SUMMARIES
from analytics_pipeline.assets.summaries_metadata import SummariesMetadata
from analytics_pipeline.database.engine import dbt_environment
from analytics_pipeline.dbt_project import DBT_PROJECT, dbt_executable
from analytics_pipeline.resources import DatabaseResource
from analytics_pipeline.settings import get_settings

_CHANGED = (
    dg.AutomationCondition.newly_missing()
    | dg.AutomationCondition.any_deps_match(dg.AutomationCondition.newly_updated()).ignore(
        dg.AssetSelection.groups(SUMMARIES)
    )
    | dg.AutomationCondition.any_deps_match(dg.AutomationCondition.will_be_requested())
)
_FIRST_LOOK = dg.AutomationCondition.initial_evaluation()
FOLLOW_RAW_DAYS = (
    (
        (_CHANGED & ~_FIRST_LOOK)
        | _CHANGED.since((dg.AutomationCondition.newly_requested() | _FIRST_LOOK).with_label("asked for"))
    ).with_label("a raw day changed since this day was asked for")
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)
"""Rebuild a day, all models together, when any platform's raw day changed since its rebuilding was asked for.

Not `eager()`: it waits for every platform, ignores older days, and forgets what changed while a rebuilding was under way
when that ends. What changed beside the very request counts as changed after it: rather once too often.
"""


class SummariesTranslator(DagsterDbtTranslator):
    """Group, owners and automation of the models."""

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: Any) -> dg.AssetSpec:
        """The spec that dagster-dbt derives, completed."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if not unique_id.startswith("model."):
            return spec
        return spec.replace_attributes(group_name=SUMMARIES, owners=OWNERS, automation_condition=FOLLOW_RAW_DAYS)


def manifest_path() -> Path:
    """The manifest of `dbt_summaries/`, parsed anew only where it is missing or older than a file of the project.

    `prepare_if_dev()` would parse in every process, runs included, which costs each of them seconds.
    """
    return _parsed(DBT_PROJECT.manifest_path.parent, {})


def parsed_for_runs() -> Path:
    """The folder with what dbt itself needs to go without parsing, made anew where it is missing or stale.

    dbt takes what was parsed for another database for stale: so this is parsed with the connection of runs. `dev` and
    `db upgrade` do that before there is a run.
    """
    database = {name: value for name, value in dbt_environment().items() if name != "DBT_PASSWORD"}
    digest = hashlib.sha256(json.dumps(database, sort_keys=True).encode()).hexdigest()
    return _parsed(get_settings().analytics_home / "dbt" / digest[:12], database).parent


def _parsed(folder: Path, environment: Mapping[str, str]) -> Path:
    path = folder / "manifest.json"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "parse.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists() or path.stat().st_mtime < _newest_change():
            places = {"DBT_TARGET_PATH": str(folder), "DBT_LOG_PATH": str(get_settings().analytics_home / "dbt")}
            result = subprocess.run(  # our own command
                [dbt_executable(), "parse", "--quiet", "--project-dir", ".", "--profiles-dir", "."],
                cwd=DBT_PROJECT.project_dir,
                env=os.environ | environment | places,
                capture_output=True,
                text=True,
                check=False,
            )
            if result.returncode:
                raise RuntimeError(f"dbt could not parse {DBT_PROJECT.project_dir}:\n{result.stdout}{result.stderr}")
    return path


def _newest_change() -> float:
    folder = Path(DBT_PROJECT.project_dir)
    files = [folder / "dbt_project.yml", folder / "profiles.yml"]
    files += [file for sub in ("models", "macros", "tests") for file in (folder / sub).rglob("*.*")]
    return max(file.stat().st_mtime for file in files if file.exists())


def summaries_assets() -> dg.AssetsDefinition:
    """All models of `dbt_summaries/` as assets on the publish days."""

    @dbt_assets(
        manifest=manifest_path(),
        project=DBT_PROJECT,
        dagster_dbt_translator=SummariesTranslator(),
        partitions_def=PUBLISH_DAYS,
        backfill_policy=dg.BackfillPolicy.single_run(),
        pool="dbt",
    )
    def analytics_summaries(
        context: dg.AssetExecutionContext, dbt: DbtCliResource, database: DatabaseResource
    ) -> Iterator[Any]:
        with database.session():  # starts the embedded server
            # dbt reads the connection from its environment; the command line would show it to every user of the machine.
            os.environ.update(dbt_environment())
        # Checks that are run alone have no days, and look at all.
        days = context.partition_keys if context.op_execution_context.has_partitions else [""]
        os.environ.update(changed_days(days[0], days[-1]))
        parsed = parsed_for_runs()
        os.environ["DBT_TARGET_PATH"] = str(parsed)  # from here dagster-dbt takes what was parsed
        target = parsed / context.run.run_id
        with database.session() as session:
            outdated = outdated_summaries(json.loads((parsed / "manifest.json").read_text()), session.connection())
        if outdated:
            context.log.info(
                "Built anew, with all that is made of them, as this version gives them other columns or keys: %s",
                ", ".join(outdated),
            )
            # With all that is made of them: what had gone from their rows is not told a second time.
            dbt.cli(
                ["run", "--full-refresh", "--select", " ".join(f"{name}+" for name in outdated)], target_path=target
            ).wait()
        invocation = dbt.cli(["build"], context=context, target_path=target)
        shown = SummariesMetadata(invocation.manifest, target, invocation.dagster_dbt_translator, DBT_PROJECT)
        for event in invocation.stream():
            if isinstance(event, dg.Output):
                with database.session() as session:
                    found = shown.of(str(event.metadata["unique_id"].value), session.connection())
                yield event.with_metadata({**event.metadata, **found})
            else:
                yield event
        shutil.rmtree(target)  # that of a failed build stays: dbt's log, and the SQL it ran

    return analytics_summaries


def changed_days(first: str, last: str) -> dict[str, str]:
    """The environment of a dbt that rebuilds what the publish days from `first` to `last` (ISO dates, "" = all) touch.

    Given as --vars, other days than those of the last run would make dbt parse the whole project anew.
    """
    return {"DBT_FIRST_DAY": first, "DBT_LAST_DAY": last}
