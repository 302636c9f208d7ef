"""A progress bar over the ledger: posts done / total, as other threads and processes store them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from analytics_pipeline.database.engine import DatabaseUnavailableError, new_session
from analytics_pipeline.database.models import PublishedPost

_EVERY_SECONDS = 0.3


class PostsProgress:
    """What is being done, shown before the bar."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None)

    def say(self, what: str) -> None:
        """Names the present step."""
        self._progress.update(self._task, description=what)
        if not self._progress.console.is_terminal:  # where no bar is drawn, a line says that something is done
            self._progress.console.print(Text(f"{what} …"))

    def show(self, done: int, total: int) -> None:
        """Moves the bar."""
        self._progress.update(self._task, completed=done, total=total or None)


@contextmanager
def posts_progress(
    console: Console, platforms: list[str], first: date, last: date, since: datetime
) -> Iterator[PostsProgress]:
    """Shows posts read since `since` (UTC) of those known to be published on `first` to `last`, until the block ends."""
    columns = (
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("posts"),
        TimeElapsedColumn(),
    )  # fmt: skip
    counts = select(func.count(), func.count().filter(PublishedPost.last_synced_at >= since)).where(
        PublishedPost.platform.in_(platforms), PublishedPost.published_on.between(first, last)
    )
    stop = threading.Event()
    with Progress(*columns, console=console, transient=not console.is_terminal) as progress:
        shown = PostsProgress(progress)

        def poll() -> None:
            while True:
                # A database that is away for a moment stops no run: the bar stands still until it is back.
                with suppress(DBAPIError, DatabaseUnavailableError), new_session() as session:
                    total, done = session.execute(counts).one()
                    shown.show(done, total)
                if stop.wait(_EVERY_SECONDS):
                    return

        poller = threading.Thread(target=poll, name="progress", daemon=True)
        poller.start()
        try:
            yield shown
        finally:
            stop.set()
            poller.join()
