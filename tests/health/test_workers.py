"""What the doctor says of Celery: not used, not reachable, nobody there, a worker that answers."""

import sys
from collections.abc import Iterator

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker
from kombu.transport.memory import Transport

from analytics_pipeline.health import workers
from analytics_pipeline.health.finding import Finding
from tests.health.conftest import Configure, states


def found(configure: Configure, url: str) -> Finding:
    configure(RUN_EXECUTOR="celery", CELERY_BROKER_URL=url)
    (finding,) = workers.celery()
    return finding


def test_nothing_is_said_where_steps_run_in_process(configure: Configure) -> None:
    configure(RUN_EXECUTOR=None, CELERY_BROKER_URL="amqp://127.0.0.1:9//")
    assert list(workers.celery()) == []


def test_a_broker_that_is_down(configure: Configure) -> None:
    finding = found(configure, "amqp://user:canary-password@127.0.0.1:9//")
    assert (finding.state, finding.advice) == ("failed", "start the broker, or mend CELERY_BROKER_URL")
    assert "Connection refused" in finding.found
    assert "canary" not in finding.found


def test_a_broker_without_workers(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PATIENCE_SECONDS", 1)
    finding = found(configure, "memory://")
    assert finding.state == "warning"
    assert finding.found.endswith("no worker answers: no step of a run is carried out")


@pytest.fixture
def worker(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A worker in a thread of this process, on kombu's transport in memory.

    That one looks for messages every second: with a patience of a second too, whether an answer comes in time is chance.
    """
    monkeypatch.setattr(Transport, "polling_interval", 0.05)
    app = Celery(broker="memory://", set_as_current=False)
    with start_worker(app, pool="solo", perform_ping_check=False):
        yield


@pytest.mark.usefixtures("worker")
def test_a_worker_that_answers(configure: Configure) -> None:
    finding = found(configure, "memory://")
    assert (finding.state, finding.found.endswith("1 workers answer")) == ("ok", True)


def test_without_the_extra(configure: Configure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "dagster_celery", None)
    configure(RUN_EXECUTOR="celery", CELERY_BROKER_URL="memory://")
    assert states(workers.celery()) == [("Celery", "failed")]
