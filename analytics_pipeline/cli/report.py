"""`report`: the summaries of a business as a table, a file, or a page with pictures."""

from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analytics_pipeline.cli.console import Cell, console, point_out, say, table
from analytics_pipeline.report.notation import NOT_OVER, is_over, starred

if TYPE_CHECKING:
    import pandas as pd

_TOO_WIDE = ("total_reach", "total_clicks")
"""Left out of the terminal, which has 80 columns."""
_STDOUT = Path("-")


class Period(StrEnum):
    """Length of the periods."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


class Format(StrEnum):
    """Form of the report."""

    TABLE = "table"
    CSV = "csv"
    PARQUET = "parquet"
    HTML = "html"


def report(
    business: Annotated[int, typer.Option(help="Id of the business.")],
    period: Annotated[Period, typer.Option(help="Length of the periods.")] = Period.MONTHLY,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", help="A page with pictures is html; by default that of the file's ending, else table."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False, help="File to write, - for standard output; else one in this folder, named after all this."
        ),
    ] = None,
) -> None:
    """Show how a business's posts perform, by day, week or month of publication."""
    from analytics_pipeline.database import engine
    from analytics_pipeline.database.models import Business
    from analytics_pipeline.report import page, tables
    from analytics_pipeline.sync.errors import InvalidRequestError

    form = _form(form, output)
    engine.upgrade()
    with engine.new_session() as session:
        found = session.get(Business, business)
    if found is None:
        raise InvalidRequestError(f"there is no business {business}")
    try:
        if form is Format.HTML:
            now = datetime.now(UTC)
            html = page.page(found.name, period, tables.tables(engine.get_engine(), business, period), now)
        else:
            summaries = tables.summaries(engine.get_engine(), business, period)
    except tables.NoSummariesError as error:
        raise InvalidRequestError(str(error)) from None
    if form is Format.TABLE:
        _show(f"{found.name}, by {page.UNITS[period]} of publication", summaries, period)
        for remark in page.remarks(tables.state(engine.get_engine(), business)):
            point_out(remark)
        return
    if form is Format.HTML:
        content = html.encode()
    elif form is Format.CSV:
        content = summaries.to_csv(index=False).encode()
    else:
        content = summaries.to_parquet(index=False)
    if output == _STDOUT:
        typer.echo(content, nl=False)
        return
    path = output or Path(f"report-{business}-{period}.{form}")
    path.write_bytes(content)
    say(f"Written to {path}")


def _show(title: str, summaries: "pd.DataFrame", period: Period) -> None:
    """The table in the terminal, and what its marks mean."""
    from analytics_pipeline.report import page

    figures = {column: name for column, name in page.FIGURES.items() if column not in _TOO_WIDE}
    today = datetime.now(UTC).date()
    records = summaries.astype(object).where(summaries.notna(), None).to_dict("records")
    parts = [{column: page.part(row, column) for column in figures} for row in records]
    rows: list[dict[str, Cell]] = [
        {
            page.UNITS[period]: starred(row, period, today),
            "platform": row["platform"],
            **{
                name: row[column] if part[column] is None else f"{page.cell(row[column])} ({part[column]})"
                for column, name in figures.items()
            },
        }
        for row, part in zip(records, parts, strict=True)
    ]
    empty = (
        "There are no posts yet: analytics-pipeline backfill brings them, or analytics-pipeline sync while dev runs."
    )
    console.print(table(title, rows, empty=empty))
    known = [mark for part in parts for mark in part.values() if mark is not None]
    if not all(is_over(row, today) for row in records):
        say(NOT_OVER)
    if any(mark != "some" for mark in known):
        say("(n): the figure is that of n of the posts, of the others it is unknown.")
    if "some" in known:
        say("(some): of this period or the one before, the engagements of some posts are unknown.")
    if rows:
        say("Reach, clicks and more: --format csv or html.")


def _form(given: Format | None, output: Path | None) -> Format:
    """The format given, or the one that the file's ending names. Raises InvalidRequestError where there is no file of it."""
    from analytics_pipeline.sync.errors import InvalidRequestError

    if output is None:
        return given or Format.TABLE
    files = [form for form in Format if form is not Format.TABLE]
    named = next((form for form in files if output.suffix.lower() == f".{form}"), None)
    form = given or named
    if form is None:
        raise InvalidRequestError(
            f"the ending of {output.name} is not that of a format: give --format csv, parquet or html"
        )
    if form is Format.TABLE:
        raise InvalidRequestError("a table is for the terminal: with --output, give --format csv, parquet or html")
    if named and named is not form:
        raise InvalidRequestError(f"{output.name} is a file of the format {named} by its ending, not {form}")
    return form
