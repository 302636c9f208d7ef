"""Where Dagster keeps its own things: `dagster.yaml` names these classes, so that no environment variable is needed.

The classes take no config: each process of Dagster asks the settings anew. Thus the address of the database, with its
password, stands in no file, no command line and no serialized instance. Not here: what is in `dagster.yaml` besides.
"""

import os
from collections.abc import Sequence
from typing import Any, Self

from dagster import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from dagster._core.storage.root import LocalArtifactStorage
from dagster._serdes import ConfigurableClassData, serialize_value
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage

from analytics_pipeline.database.engine import dagster_database_url
from analytics_pipeline.settings import PROJECT_DIR, get_settings

# By default Dagster writes the event of every partition in a transaction of its own; a dbt run over a year is thousands.
# Set here, since every process of Dagster loads this module: the daemon, which makes most runs, loads nothing else of ours.
os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")
# The times of Dagster's columns are of the connection's zone, by default the server's own, but Dagster takes them for UTC:
# west of it no run would ever have been made or ended lately. libpq reads this; poolers refuse it less often than `options`.
os.environ["PGTZ"] = "UTC"


class PipelineEventLog(PostgresEventLogStorage):
    """Writes what Dagster hands over together (DAGSTER_EVENT_BATCH_SIZE) by one statement.

    Its parent does so for days that were materialised, but needs a transaction, or three, for each day that a run means
    to: of a dbt run over a year these are thousands, and seconds are minutes.
    """

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """As for every storage of events."""
        together = [event for event in events if event.dagster_event_type in _DAYS]
        if together:
            rows = [self._event_to_row(event) for event in together]
            inserted = SqlEventLogStorageTable.insert().returning(
                SqlEventLogStorageTable.c.id, sort_by_parameter_order=True
            )
            with self._connect() as connection:
                ids: Sequence[int] = connection.execute(inserted, rows).scalars().all()
            newest = {
                event.get_dagster_event().asset_key: (event, id_) for event, id_ in zip(together, ids, strict=True)
            }
            with self.index_transaction() as connection:
                self._store_asset_event_tags(connection, together, ids)
                for event, id_ in newest.values():
                    self._store_asset_event(connection, event, id_)
        for event in events:
            if event.dagster_event_type not in _DAYS:
                self.store_event(event)

    def _store_asset_check_evaluation_planned(self, event: EventLogEntry, event_id: int | None) -> None:
        """A row for each day that a check is meant for. The parent serialises the event anew for each of them."""
        planned = event.get_dagster_event().asset_check_planned_data
        row = {
            "asset_key": planned.asset_key.to_string(),
            "check_name": planned.check_name,
            "run_id": event.run_id,
            "execution_status": AssetCheckExecutionRecordStatus.PLANNED.value,
            "evaluation_event": serialize_value(event),
            "evaluation_event_timestamp": self._event_insert_timestamp(event),  # type: ignore[no-untyped-call]
            "evaluation_event_storage_id": event_id,
        }
        subset = planned.partitions_subset
        days: list[str | None] = [*subset.get_partition_keys()] if subset else [None]
        with self.index_connection() as connection:
            connection.execute(AssetCheckExecutionsTable.insert(), [{**row, "partition": day} for day in days])


_DAYS = (DagsterEventType.ASSET_MATERIALIZATION, DagsterEventType.ASSET_MATERIALIZATION_PLANNED)


class PipelineStorage(DagsterPostgresStorage):
    """Runs, events, schedules: in the database that `engine.dagster_database_url` names, made when missing."""

    def __init__(self, postgres_url: str, *args: Any, **options: Any) -> None:
        super().__init__(postgres_url, *args, **options)
        self._event_log_storage = PipelineEventLog(postgres_url)

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
