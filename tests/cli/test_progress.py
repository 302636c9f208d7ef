"""The progress bar: while the database goes away and comes back, and where there is no terminal to draw it on."""

import threading
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any

import psycopg
import pytest
from rich.console import Console
from sqlalchemy import Engine, event, text
from sqlalchemy.orm import Session

from analytics_pipeline.cli.progress import PostsProgress, posts_progress


def test_the_bar_goes_on_once_a_lost_database_is_back(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    moved = threading.Event()

    def go_away(_: object, cursor: psycopg.Cursor[Any], *__: object) -> None:
        if threading.current_thread().name == "progress" and not killed:
            killed.append(cursor.connection.info.backend_pid)
            session.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": killed[0]})

    monkeypatch.setattr(PostsProgress, "show", lambda *_: moved.set())
    event.listen(Engine, "before_cursor_execute", go_away)
    try:
        day = date(2026, 9, 1)
        with posts_progress(Console(file=StringIO()), ["twitter"], day, day, datetime.now(UTC)):
            assert moved.wait(10)
    finally:
        event.remove(Engine, "before_cursor_execute", go_away)
    assert len(killed) == 1


def test_without_a_terminal_each_step_is_a_line_when_it_begins(session: Session) -> None:
    day = date(2026, 9, 1)
    piped = Console(file=StringIO(), force_terminal=False)
    with posts_progress(piped, ["twitter"], day, day, datetime.now(UTC)) as progress:
        progress.say("twitter 2026-09-01 to 2026-09-01")
        assert isinstance(piped.file, StringIO)
        assert piped.file.getvalue() == "twitter 2026-09-01 to 2026-09-01 …\n"
