"""What commands share about output: consoles, tables in the terminal and of pages, and errors in one line.

Names, paths and messages are shown as they are: rich would take brackets in a string for markup, in a Text it does not.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderResult
from rich.table import Table
from rich.text import Text

from analytics_pipeline.report.notation import number

# Line breaks are those of the terminal, so that what is copied from it is whole, and a wide table is not cut.
# The real standard output: what runs print to the other is not for people.
console = Console(file=sys.stdout, soft_wrap=True)
errors = Console(stderr=True, soft_wrap=True)

_NEVER_WRAPPED = 12  # letters: a name of a platform, a date
_LEAST_WIDTH = 10
_FIGURE = re.compile(r"-?\d[\d,.]*")

Cell = str | int | float | datetime | None


def explained(error: Exception) -> str | None:
    """The message of an error that a person can mend; None for one that is a bug and deserves its traceback."""
    from psycopg.errors import InsufficientPrivilege, NumericValueOutOfRange, ReadOnlySqlTransaction
    from sqlalchemy.exc import DBAPIError, StatementError

    from analytics_pipeline.database.embedded import EmbeddedServerError
    from analytics_pipeline.database.encryption import EncryptionKeyError
    from analytics_pipeline.database.engine import DatabaseUnavailableError
    from analytics_pipeline.sandbox.world import WorldFileError
    from analytics_pipeline.sync.errors import InvalidRequestError

    if isinstance(error, DBAPIError) and error.connection_invalidated:
        what = " ".join(str(error.orig).split())
        return (
            f"the connection to the database was lost ({what}): check that the server runs, then give the command again"
        )
    if isinstance(error, StatementError) and isinstance(error.orig, Exception):
        error = error.orig  # one of ours that was raised while the statement was prepared, or the database's
        if isinstance(error, NumericValueOutOfRange):
            return f"a number is too large: ids go up to {2**63 - 1}"
        if isinstance(error, InsufficientPrivilege):
            return f"{error.diag.message_primary}: DATABASE_URL has to name the user who owns the pipeline's tables"
        if isinstance(error, ReadOnlySqlTransaction):
            need = "DATABASE_URL has to name the server that takes writes, and a user who may write"
            return f"{error.diag.message_primary}: {need}"
    if isinstance(error, ValidationError):  # a setting: its value may be secret, so only its name and fault are shown
        return "; ".join(f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors())
    if isinstance(error, OSError) and error.strerror:  # those of HTTP have no word of the system, but URLs with tokens
        return error.strerror if error.filename is None else f"{error.filename}: {error.strerror}"
    known = (InvalidRequestError, DatabaseUnavailableError, EncryptionKeyError, EmbeddedServerError, WorldFileError)
    return str(error) if isinstance(error, known) else None


def say(what: str) -> None:
    """Prints a sentence."""
    console.print(Text(what))


def point_out(what: str) -> None:
    """One thing that a person should know, as a line of its own."""
    console.print(Text.assemble(("•", "yellow"), " ", what))


def fail(message: str) -> None:
    """Prints an error as one line on standard error."""
    errors.print(Text.assemble(("Error:", "red"), " ", message))


class _WholeTable(Table):
    """One that is wider than the terminal where else a column would be cut away, or a figure stand in two lines."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        edges = 2 * len(self.columns) + 1
        least = sum(column.min_width or 0 for column in self.columns) + edges
        self.width = least if least > options.max_width else None
        yield from super().__rich_console__(console, options)


def table(title: str, rows: Iterable[Mapping[str, Cell]], *, empty: str) -> Table | str:
    """Rows as a table; numbers to the right with thousands separators, unknown as –. `empty` is said when there is none."""
    rows = list(rows)
    if not rows:
        return empty
    shown = _WholeTable(
        title=Text(title, "table.title"),
        title_justify="left",
        header_style="bold",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    for name in rows[0]:
        numeric = any(isinstance(row[name], int | float) for row in rows)
        cells = [_cell(row[name]).plain for row in rows]
        longest = max(map(len, cells))
        short = longest <= _NEVER_WRAPPED
        figures = [word for cell in cells for word in cell.split() if _FIGURE.fullmatch(word)]
        least = longest if numeric or short else max([_LEAST_WIDTH, *map(len, figures)])
        justify: JustifyMethod = "right" if numeric else "left"
        shown.add_column(
            name.replace("_", " "),
            justify=justify,
            overflow="fold",
            min_width=max(least, *map(len, name.replace("_", " ").split())),
            no_wrap=short and not numeric,
        )
    for row in rows:
        shown.add_row(*(_cell(value) for value in row.values()))
    return shown


def markdown(rows: Sequence[Mapping[str, Cell]]) -> str:
    """Rows as a table of a page in docs/; there is at least one."""
    lines = [" | ".join(rows[0]), " | ".join("---" for _ in rows[0])]
    lines += [" | ".join(str(cell) for cell in row.values()) for row in rows]
    return "".join(f"| {line} |\n" for line in lines)


def _cell(value: Cell) -> Text:
    if value is None:
        return Text("–", "dim")
    if isinstance(value, datetime):
        return Text(f"{value:%Y-%m-%d %H:%M}")
    return Text(number(value) if isinstance(value, int | float) else value)
