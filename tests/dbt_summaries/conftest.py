"""Running the dbt project in this process, as importing dbt costs seconds, and reading what it built.

Not here: worlds (`worlds.py`), the expected figures (`reference.py`).
"""

import gc
import json
import os
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.manifest import Manifest
from sqlalchemy import URL, Engine, text

from analytics_pipeline.database.engine import dbt_environment
from analytics_pipeline.settings import PROJECT_DIR
from tests.dbt_summaries.reference import Key

DATABASE = "summaries"
Rows = dict[Key, dict[str, Any]]


@dataclass(frozen=True)
class RanTest:
    """The query that gives what is wrong, and what it is if it gives any: warn or error."""

    sql: str
    severity: str


@dataclass(frozen=True)
class DbtOutcome:
    """What one dbt command ended with. `statuses`: models and tests by name → success, pass, warn, fail or error."""

    succeeded: bool
    statuses: dict[str, str]
    messages: list[str]
    """Warnings and errors, deprecations included."""
    tests: dict[str, RanTest]
    """The tests that ran, by name."""


_OPTIONS = ("--quiet", "--show-all-deprecations", "--log-level-file", "none")


@cache
def parsed() -> Manifest:
    """What dbt knows of the project on the tests' database, parsed once, as that costs seconds."""
    manifest = dbtRunner().invoke([*_OPTIONS, "parse"]).result
    assert isinstance(manifest, Manifest)
    gc.freeze()  # it stays, and need not be looked through for garbage again
    return manifest


def _as_parsed() -> Manifest:
    manifest = parsed()
    for node in manifest.nodes.values():  # where the last command left the SQL that it made of them
        vars(node).update({"compiled": False, "compiled_code": None, "extra_ctes": [], "extra_ctes_injected": False})
    return manifest


class Dbt:
    """The project in `dbt_summaries/` on the test's database; only the commands that are about parsing parse it."""

    def __init__(self, target: Path) -> None:
        self._target = target

    def __call__(self, command: str, *arguments: str, days: tuple[date, date] | None = None) -> DbtOutcome:
        messages: list[str] = []

        def listen(event: Any) -> None:
            if event.info.level in ("warn", "error"):
                messages.append(event.info.msg)

        changed = {"DBT_FIRST_DAY": str(days[0]), "DBT_LAST_DAY": str(days[1])} if days else {}
        with patch.dict(os.environ, changed):
            parses = command in ("parse", "docs")
            options = _OPTIONS if parses else (*_OPTIONS, "--no-write-json")  # all of the manifest, after every command
            result = dbtRunner(None if parses else _as_parsed(), [listen]).invoke([*options, command, *arguments])
        if result.exception:
            messages.append(str(result.exception))
        statuses = {
            run.node.name: str(run.status) for run in getattr(result.result, "results", []) if hasattr(run, "node")
        }
        tests = {
            run.node.name: RanTest(run.node.compiled_code, run.node.config.severity.lower())
            for run in getattr(result.result, "results", [])
            if hasattr(run, "node") and run.node.resource_type == "test"
        }
        return DbtOutcome(result.success, statuses, messages, tests)

    def manifest(self) -> dict[str, Any]:
        """What the last command that parsed knew of the project."""
        return self._artifact("manifest")

    def catalog(self) -> dict[str, Any]:
        """What the last `docs generate` found in the database."""
        return self._artifact("catalog")

    def _artifact(self, name: str) -> dict[str, Any]:
        artifact: dict[str, Any] = json.loads((self._target / f"{name}.json").read_text())
        return artifact


@pytest.fixture
def database_name() -> str:
    """Always the same, as dbt takes what it parsed for another database for stale."""
    return DATABASE


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt keeps what it parsed, which costs seconds, for all tests."""
    return tmp_path_factory.mktemp("dbt") / "target"


@pytest.fixture
def dbt(database_url: URL, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dbt:
    project = PROJECT_DIR / "dbt_summaries"
    places = {"PROJECT_DIR": project, "PROFILES_DIR": project, "TARGET_PATH": target, "LOG_PATH": tmp_path / "logs"}
    for name, value in (dbt_environment() | {f"DBT_{name}": str(path) for name, path in places.items()}).items():
        monkeypatch.setenv(name, value)
    for name in ("DBT_FIRST_DAY", "DBT_LAST_DAY"):  # left by a run of Dagster in this process
        monkeypatch.delenv(name, raising=False)
    return Dbt(target)


def read_summaries(engine: Engine, mart: str = "analytics_summaries") -> Rows:
    """All of `analytics_summaries`, or of another mart with its key."""
    with engine.connect() as connection:
        rows = [dict(row) for row in connection.execute(text(f"SELECT * FROM {mart}")).mappings()]
    found = {(row["business_id"], row["platform"], row["period_type"], row["period_start"]): row for row in rows}
    assert len(found) == len(rows)
    return found
