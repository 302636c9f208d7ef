"""Where the steps of a run are carried out: in the run's own process, or by Celery workers on any machine.

Not here: the workers (`celery_worker.py`), where runs themselves are started (`run_launcher` in `dagster.yaml`).
"""

import warnings

import dagster as dg

from analytics_pipeline.settings import get_settings


def run_executor() -> dg.ExecutorDefinition:
    """The executor that RUN_EXECUTOR names.

    A job has no more than two steps, one after the other, and dbt runs as one: more processes on one machine would only
    take memory. Celery's broker is named by its variable, so that its password is in no snapshot of the code location.
    """
    if get_settings().run_executor == "in_process":
        return dg.in_process_executor
    try:
        from dagster_celery import celery_executor
    except ImportError:
        raise RuntimeError('RUN_EXECUTOR=celery needs an extra: pip install -e ".[celery]"') from None
    # It makes the task anew for every step, which Celery remarks upon in five lines.
    warnings.filterwarnings("ignore", message="Task name 'execute_plan' is already registered")
    return celery_executor.configured({"broker": {"env": "CELERY_BROKER_URL"}}, name="celery")
