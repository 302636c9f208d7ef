"""The Celery app of a worker: `celery -A analytics_pipeline.celery_worker worker`.

Here: the broker, Dagster's task, how a task is lost and found, log lines in our form. Not here: what a step does.
`dagster-celery worker start` would write the broker's address, with its password, into a file.
"""

from celery import signals
from dagster_celery.executor import CeleryExecutor
from dagster_celery.make_app import make_app
from dagster_celery.tasks import create_task

from analytics_pipeline import definitions, logs
from analytics_pipeline.settings import get_settings

__all__ = ["app", "definitions"]  # loaded before the worker forks: its steps begin at once, and share the memory


@signals.setup_logging.connect  # type: ignore[untyped-decorator]
def _our_logging(**_: object) -> None:
    """In place of Celery's own."""
    logs.configure()


_broker = get_settings().celery_broker_url
if _broker is None:
    raise SystemExit("CELERY_BROKER_URL is unset: a worker has nowhere to get its work from")
app = make_app(CeleryExecutor.for_cli(broker=_broker.get_secret_value()).app_args())  # type: ignore[no-untyped-call]
# A step is acknowledged when it ends: a busy worker reserves no step that an idle one could begin, and the step of a
# machine that is lost goes to another one. The ledger and its locks bear a step that two workers carry out.
create_task(app, acks_late=True)  # type: ignore[no-untyped-call]
app.conf.worker_cancel_long_running_tasks_on_connection_loss = True
