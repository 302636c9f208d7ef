"""Where Dagster keeps its own things: `dagster.yaml` names these classes, so that no environment variable is needed.

The classes take no config: each process of Dagster asks the settings anew. Thus the address of the database, with its
password, stands in no file, no command line and no serialized instance. Not here: what is in `dagster.yaml` besides.
"""

import os
from typing import Any, Self

from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from analytics_pipeline.database.engine import dagster_database_url
from analytics_pipeline.settings import PROJECT_DIR, get_settings


class PipelineStorage(DagsterPostgresStorage):
    """Runs, events, schedules: in the database that `engine.dagster_database_url` names, made when missing."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Called by every process of Dagster. Raises DatabaseUnavailableError."""
        return cls(postgres_url=dagster_database_url().render_as_string(hide_password=False), inst_data=inst_data)


class PipelineComputeLogs(LocalComputeLogManager):
    """What steps print: below ANALYTICS_HOME, by default Dagster would drop it with its temporary home."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Called by every process of Dagster."""
        return cls(base_dir=str(get_settings().analytics_home / "dagster" / "logs"), inst_data=inst_data)


class PipelineArtifacts(LocalArtifactStorage):
    """Files of assets that leave them to Dagster: below ANALYTICS_HOME."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Called by every process of Dagster."""
        return cls(base_dir=str(get_settings().analytics_home / "dagster"), inst_data=inst_data)


def instance_ref() -> InstanceRef:
    """Where Dagster's settings lie: DAGSTER_HOME where it is set, else the project. Nothing connects yet."""
    return InstanceRef.from_dir(os.environ.get("DAGSTER_HOME") or str(PROJECT_DIR))
