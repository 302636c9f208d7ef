"""What the pipeline writes to standard error: one event per line, for people or as JSON, and never a secret.

Here: the handlers, their two forms, what a line is about. Not here: what is worth a line, Dagster's event log.
"""

import json
import logging
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime
from typing import Any, Final, get_args
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr, ValidationError

from analytics_pipeline.platform_fetchers.http import redact
from analytics_pipeline.settings import Settings, get_settings

_OURS: Final = "analytics_pipeline"
_WRITTEN: Final = "written_to_stderr"
_SHORTEST_TOKEN: Final = 9
"""Characters. Shorter parts of an alert's URL are words such as `services`, whose removal would garble other lines."""
_SECRET_VARIABLES: Final = [
    name
    for name, field in Settings.model_fields.items()
    if SecretStr in (field.annotation, *get_args(field.annotation))
]
_about: ContextVar[Mapping[str, str]] = ContextVar("about")


@contextmanager
def about(
    *, platform: str | None = None, account: str | None = None, day: date | None = None, run: str | None = None
) -> Iterator[None]:
    """Lines that this thread writes within the block carry what is given here, beside what outer blocks gave.

    `day` is a publish day (UTC), `run` the id of a Dagster run. A thread started within the block begins with nothing.
    """
    given = {"run": run, "platform": platform, "account": account, "day": day.isoformat() if day else None}
    token = _about.set({**_about.get({}), **{name: value for name, value in given.items() if value is not None}})
    try:
        yield
    finally:
        _about.reset(token)


def redacted(text: str) -> str:
    """`text` without the secrets that the environment holds, and without what looks like a token."""
    return redact(text, *_secrets())


def configure() -> None:
    """Sends the log lines of this process to standard error, as LOG_FORMAT and LOG_LEVEL say. Called anew: starts over.

    Lines of other libraries are written from WARNING on, or all of them at DEBUG. With settings that cannot be read,
    Python's own way of logging stays: whoever needs the settings says what is wrong with them.
    """
    try:
        settings = get_settings()
    except ValidationError:
        return
    level = logging.getLevelName(settings.log_level)
    others = level if level == logging.DEBUG else max(level, logging.WARNING)
    for name, handler, least in (("", _OTHERS, others), (_OURS, HANDLER, level)):
        handler.setFormatter(_JsonLines() if settings.log_format == "json" else _TextLines())
        handler.setLevel(least)
        logger = logging.getLogger(name)
        logger.setLevel(least)
        logger.removeHandler(handler)
        logger.addHandler(handler)
    logging.captureWarnings(settings.log_format == "json")  # Python's warnings are lines too
    logging.getLogger("dagster").handlers.clear()  # Dagster's processes bring a handler that writes text
    logging.getLogger("apprise").setLevel(logging.WARNING)  # below, it writes the addresses of alerts, tokens included


class _Stderr(logging.StreamHandler[Any]):
    """Writes to what is standard error at that moment: Dagster and progress bars exchange it."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)
        self.addFilter(_first_time)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        raise AttributeError("the stream is always standard error")


def _first_time(record: logging.LogRecord) -> bool:
    """One event, one line: a record also reaches the root logger, and within a run comes back from Dagster as a copy."""
    written: bool = getattr(record, _WRITTEN, False)
    setattr(record, _WRITTEN, True)
    return not written


HANDLER: Final = _Stderr()
"""Writes our own lines. At our logger, so that it comes before the one that Dagster adds, which rewords the record."""
_OTHERS: Final = _Stderr()


class _TextLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{name}={value}" for name, value in _fields(record).items())
        parts = [f"{_time(record):%Y-%m-%d %H:%M:%SZ} {record.levelname} {record.getMessage()}"]
        parts += [f" [{fields}]"] if fields else []
        parts += [f"\n{trace}"] if (trace := _trace(record)) else []
        return redacted("".join(parts))


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **_fields(record),
        }
        if trace := _trace(record):
            line["exception"] = redacted(trace)
        return json.dumps(line, ensure_ascii=False)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _trace(record: logging.LogRecord) -> str:
    return logging.Formatter().formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""


def _fields(record: logging.LogRecord) -> dict[str, str]:
    """What the line is about: by `about`, and for Dagster's own lines by what Dagster attaches to them."""
    of_dagster: Mapping[str, Any] = getattr(record, "dagster_meta", {})
    given = {"run": of_dagster.get("run_id"), "job": of_dagster.get("job_name"), "step": of_dagster.get("step_key")}
    return {name: value for name, value in given.items() if value} | dict(_about.get({}))


def _secrets() -> list[str]:
    """The secret settings as the environment gives them, the longest first: whole, passwords, tokens of alert URLs."""
    found: set[str] = set()
    for name in _SECRET_VARIABLES:
        value = os.environ.get(name.upper()) or os.environ.get(name) or ""
        if name != "alert_urls":
            found |= {value, value.strip(), *_passwords_of(value)}
            continue
        for url in re.split(r"[\s,]+", value):
            found |= {url, *_passwords_of(url), *_tokens_of(url)}
    return sorted(found - {""}, key=len, reverse=True)


def _passwords_of(url: str) -> set[str]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return set()
    return {password, unquote(password)}


def _tokens_of(url: str) -> set[str]:
    """Any part of an Apprise URL may be a token, even the place of the host; real hosts have dots."""
    parts = re.split(r"[/:@?&=]+", url.partition("://")[2])
    return {part for part in parts if len(part) >= _SHORTEST_TOKEN and "." not in part} - {"localhost"}
