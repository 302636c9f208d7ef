"""Dagster's own lines of a run on standard error, in the form that LOG_FORMAT says.

Here: the logger that `definitions.py` puts in place of Dagster's. Not here: the form (`logs.py`), Dagster's event log.
"""

import logging

import dagster as dg
from dagster._core.execution import context_creation_job

from analytics_pipeline import logs
from analytics_pipeline.settings import get_settings


@dg.logger(
    config_schema={"log_level": dg.Field(str, is_required=False, description="In place of LOG_LEVEL.")},
    description="Standard error, as LOG_FORMAT and LOG_LEVEL say.",
)
def console(context: dg.InitLoggerContext) -> logging.Logger:
    """A logger on the handler that all lines of the process go through."""
    logger = logging.Logger("dagster", context.logger_config.get("log_level", get_settings().log_level))
    logger.addHandler(logs.HANDLER)
    return logger


def write_every_run() -> None:
    """Has the runs of this process use it whose config names no logger: all of schedules, sensors, backfills and the UI.

    Dagster has no setting for that: it gives them a logger of its own, which writes coloured text from DEBUG on.
    """
    context_creation_job.default_system_loggers = lambda instance: [(console, {})]  # type: ignore[attr-defined]
