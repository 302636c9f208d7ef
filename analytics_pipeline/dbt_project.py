"""The dbt project `dbt_summaries`: where it is, who runs it.

Apart from the other resources, as importing dbt takes a second that most commands need not spend.
"""

import sys
from collections.abc import Sequence
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

from dagster_dbt import DbtCliResource, DbtProject
from packaging.version import Version

from analytics_pipeline.settings import PROJECT_DIR

DBT_PROJECT = DbtProject(project_dir=PROJECT_DIR / "dbt_summaries", profiles_dir=PROJECT_DIR / "dbt_summaries")


class QuickDbtCliResource(DbtCliResource):
    """dbt without what dagster-dbt does before every run and nobody needs here.

    That is a process that only asks dbt for its version (2 s), and a connection by dbt's own code (1.5 s) for metadata that
    `summaries_metadata.py` finds by itself.
    """

    @cached_property
    def _cli_version(self) -> Version:
        return Version(metadata.version("dbt-core"))

    def _initialize_dbt_core_adapter(self, args: Sequence[str]) -> Any:
        return None


def dbt_executable() -> str:
    """dbt (`dbt_command.py`) of the environment that runs this, activated or not."""
    return str(Path(sys.executable).with_name("analytics-dbt"))


def dbt_resource() -> DbtCliResource:
    """The resource `dbt`."""
    return QuickDbtCliResource(project_dir=str(DBT_PROJECT.project_dir), dbt_executable=dbt_executable())
