"""Log lines of a process: one event, one line, with what it is about, and no secret."""

import json
import logging
import warnings
from collections.abc import Iterator
from datetime import date

import dagster as dg
import pytest
from sqlalchemy import Engine

from analytics_pipeline import logs
from analytics_pipeline.definitions import defs
from analytics_pipeline.settings import get_settings

LOG = logging.getLogger("analytics_pipeline.something")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Other tests keep the logging that they had."""
    loggers = [logging.getLogger(name) for name in ("", "analytics_pipeline", "dagster", "apprise")]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    logging.captureWarnings(False)
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers
    get_settings.cache_clear()


def configure(monkeypatch: pytest.MonkeyPatch, **settings: str) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    logs.configure()


def test_a_json_line_says_what_it_is_about(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    configure(monkeypatch, LOG_FORMAT="json", LOG_LEVEL="INFO")
    with logs.about(run="r1", platform="twitter", account="Bakery"), logs.about(day=date(2026, 9, 3)):
        LOG.info("done, %d of %d posts", 3, 4)
    LOG.info("outside")
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first.pop("time").startswith("20")
    assert first == {
        "level": "INFO",
        "logger": "analytics_pipeline.something",
        "message": "done, 3 of 4 posts",
        "run": "r1",
        "platform": "twitter",
        "account": "Bakery",
        "day": "2026-09-03",
    }
    assert second.keys() == {"time", "level", "logger", "message"}


def test_a_text_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    configure(monkeypatch, LOG_LEVEL="INFO")
    with logs.about(platform="twitter"):
        LOG.info("done")
    assert capsys.readouterr().err.endswith("Z INFO done [platform=twitter]\n")


def test_other_libraries_are_quiet_below_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(monkeypatch, LOG_FORMAT="json", LOG_LEVEL="INFO")
    other = logging.getLogger("somebody.else")
    monkeypatch.setattr(other, "level", logging.DEBUG)  # as Dagster does with its own
    other.info("chatter")
    other.warning("trouble")
    LOG.debug("detail")
    assert [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["trouble"]


def test_warnings_of_python_are_lines_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    configure(monkeypatch, LOG_FORMAT="json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("be careful", UserWarning, stacklevel=1)
    (line,) = capsys.readouterr().err.splitlines()
    assert "UserWarning: be careful" in json.loads(line)["message"]


def test_no_secret_of_the_environment_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(
        monkeypatch,
        LOG_FORMAT="json",
        DATABASE_URL="postgresql://user:canary-password@db.example/x",
        ALERT_URLS="slack://canarytoken1/canarytoken2, mailto://user:canary-mail@example.org",
    )
    try:
        raise RuntimeError("no connection with canary-password")
    except RuntimeError:
        LOG.exception("canarytoken1 and canarytoken2 by user:canary-mail@example.org failed")
    err = capsys.readouterr().err
    assert "canary" not in err
    line = json.loads(err)
    assert line["message"].endswith("failed")
    assert "RuntimeError: no connection with" in line["exception"]


def test_a_secret_with_a_comma_is_one_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:canary,1%20x@db.example/x")
    monkeypatch.setenv("LINKEDIN_CLIENT_SECRET", "e,canary 2")
    said = logs.redacted("refused: canary,1 x (canary,1%20x) and e,canary 2")
    assert said == "refused: [redacted] ([redacted]) and [redacted]"


def test_a_blank_at_the_end_of_a_secret_does_not_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWITTER_CLIENT_SECRET", "canary \n")
    assert logs.redacted("refused: canary.") == "refused: [redacted]."


def test_a_run_that_nobody_configured_writes_json_lines_too(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(monkeypatch, LOG_FORMAT="json", LOG_LEVEL="INFO")
    config = {"ops": {"purge_what_is_too_old": {"config": {"dry_run": True}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        run = defs.resolve_job_def("purge").execute_in_process(run_config=config, instance=instance)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    ours = [line for line in lines if line["message"].endswith(" raw_observations: 0 too old")]
    assert [(line["run"], line["job"], line["step"]) for line in ours] == [
        (run.run_id, "purge", "purge_what_is_too_old")
    ]
    assert {line["level"] for line in lines} == {"INFO"}, "Dagster's own events are of level DEBUG"


def test_settings_that_cannot_be_read_leave_logging_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    handlers = list(logging.getLogger("analytics_pipeline").handlers)
    configure(monkeypatch, LOG_FORMAT="poem")
    assert logging.getLogger("analytics_pipeline").handlers == handlers
