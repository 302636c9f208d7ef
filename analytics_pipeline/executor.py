"""Where the steps of a run are carried out: in the run's own process, or by Celery workers on any machine.

Not here: the workers (`celery_worker.py`), where runs themselves are started (`run_launcher` in `dagster.yaml`).
"""

import warnings
from collections.abc import Iterator

import dagster as dg
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.in_process import InProcessExecutor

from analytics_pipeline.database.sign_of_life import sign_of_life
from analytics_pipeline.settings import get_settings


def watched(run_id: str) -> dict[str, str]:
    """Tag of a run that shows a sign of life from now to its end, which the UI hides. A retry takes over all tags: so its id."""
    return {".dagster/sign_of_life": run_id}


class _WatchedExecutor(InProcessExecutor):
    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[dg.DagsterEvent]:
        with sign_of_life(plan_context.run_id):
            plan_context.instance.add_run_tags(plan_context.run_id, watched(plan_context.run_id))
            yield from super().execute(plan_context, execution_plan)


@dg.executor(name="in_process")
def watched_executor(_: dg.InitExecutorContext) -> InProcessExecutor:
    """Dagster's in-process executor, within a sign of life."""
    return _WatchedExecutor(retries=RetryMode.ENABLED)


def run_executor() -> dg.ExecutorDefinition:
    """The executor that RUN_EXECUTOR names.

    A job has no more than two steps, one after the other, and dbt runs as one: more processes on one machine would only
    take memory. Celery's broker is named by its variable, so that its password is in no snapshot of the code location.
    """
    if get_settings().run_executor == "in_process":
        return watched_executor
    try:
        from dagster_celery import celery_executor
    except ImportError:
        raise RuntimeError('RUN_EXECUTOR=celery needs an extra: pip install -e ".[celery]"') from None
    # It makes the task anew for every step, which Celery remarks upon in five lines.
    warnings.filterwarnings("ignore", message="Task name 'execute_plan' is already registered")
    return celery_executor.configured({"broker": {"env": "CELERY_BROKER_URL"}}, name="celery")
