"""Checks of Celery, where it carries out steps: its broker and its workers. Nothing is asked of them but a sign of life."""

from collections.abc import Iterator

from analytics_pipeline.health.finding import Finding
from analytics_pipeline.settings import get_settings

PATIENCE_SECONDS = 5


def celery() -> Iterator[Finding]:
    """Whether the broker of CELERY_BROKER_URL answers, and how many workers do; nothing without RUN_EXECUTOR=celery."""
    settings = get_settings()
    if settings.run_executor != "celery" or settings.celery_broker_url is None:
        return
    try:
        import dagster_celery  # noqa: F401
        from celery import Celery
    except ImportError:
        advice = 'pip install -e ".[celery]", or unset RUN_EXECUTOR'
        yield Finding("Celery", "failed", "RUN_EXECUTOR is celery, but its extra is not installed", advice)
        return
    app = Celery(broker=settings.celery_broker_url.get_secret_value())
    try:
        with app.connection() as broker:
            broker.ensure_connection(max_retries=1, timeout=PATIENCE_SECONDS)
            where = f"{broker.transport_cls} on {broker.hostname or 'this machine'}"
            workers = app.control.ping(timeout=PATIENCE_SECONDS)
    except Exception as error:  # noqa: BLE001  # a dozen transports, each with errors of its own
        found = f"the broker cannot be used: {type(error).__name__}: {error}"
        yield Finding("Celery", "failed", found, "start the broker, or mend CELERY_BROKER_URL")
        return
    if workers:
        yield Finding("Celery", "ok", f"{where}, {len(workers)} workers answer")
    else:
        advice = "start some: celery -A analytics_pipeline.celery_worker worker"
        yield Finding("Celery", "warning", f"{where}, no worker answers: no step of a run is carried out", advice)
