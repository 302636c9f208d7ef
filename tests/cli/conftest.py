"""The command in this process, as its entry point runs it.

Not here: commands as processes of their own (`tests/end_to_end/command_line.py`).
"""

import io
import signal
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from analytics_pipeline import cli, logs
from analytics_pipeline.cli import console


class Answer(NamedTuple):
    """Exit status, and what stands in a wide terminal."""

    status: int
    output: str
    errors: str


Call = Callable[..., Answer]


@pytest.fixture
def exact_call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs the command with these words. An error that is no line for a person is raised, as its traceback would be."""
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(logs, "configure", lambda: None)  # the test's own handlers stay
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str) -> Answer:
        terminal = io.StringIO()
        monkeypatch.setattr(console.console, "file", terminal)
        monkeypatch.setattr(sys, "argv", ["analytics-pipeline", *words])
        status: object = 0
        try:
            cli.main()
        except SystemExit as end:
            status = end.code
        finally:
            signal.signal(signal.SIGTERM, before)
        written = capsys.readouterr()
        return Answer(int(str(status or 0)), terminal.getvalue() + written.out, written.err)

    return run


@pytest.fixture
def call(exact_call: Call) -> Call:
    """The same, with each run of blanks as one."""

    def run(*words: str) -> Answer:
        status, output, errors = exact_call(*words)
        return Answer(status, " ".join(output.split()), " ".join(errors.split()))

    return run
