"""`report`: a table for the terminal, or a file."""

from collections.abc import Callable
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from analytics_pipeline.cli import app
from analytics_pipeline.cli.console import console
from analytics_pipeline.database.models import Business
from analytics_pipeline.sync.errors import InvalidRequestError
from tests.report.conftest import MADE_AT
from tests.stopped_clock import stopped_at


def test_formats_of_the_command(business: Engine, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for form in ("csv", "parquet", "html"):
        assert CliRunner().invoke(app, ["report", "--business", "1", "--format", form]).exit_code == 0
    read = (pd.read_csv(tmp_path / "report-1-monthly.csv"), pd.read_parquet(tmp_path / "report-1-monthly.parquet"))
    for table in read:
        assert table["total_impressions"].isna().tolist() == [False, False, True, True]
        assert table["total_engagements"].tolist() == [3000] * 4
    assert (tmp_path / "report-1-monthly.html").read_text().startswith("<!doctype html>")


def test_types_of_files_do_not_depend_on_the_figures(business: Engine, tmp_path: Path) -> None:
    """So that files of several businesses can be put together, of one without posts too."""
    with Session(business) as session, session.begin():
        session.add(Business(name="Without posts"))
    found = []
    for number in ("1", "2"):
        file = tmp_path / f"{number}.parquet"
        command = ["report", "--business", number, "--format", "parquet", "--output", str(file)]
        assert CliRunner().invoke(app, command).exit_code == 0
        found.append(pd.read_parquet(file, dtype_backend="pyarrow"))
    types = found[0].dtypes.astype(str).to_dict()
    assert found[1].dtypes.astype(str).to_dict() == types
    assert {types.pop("period_start"), types.pop("period_end")} == {"date32[day][pyarrow]"}
    words = {types.pop("platform"), types.pop("period_type")}
    assert words <= {"string", "string[pyarrow]", "large_string[pyarrow]"}
    rates = {types.pop(name) for name in ("avg_engagement_rate", "avg_click_through_rate", "engagement_growth")}
    assert rates == {"double[pyarrow]"}
    assert types.pop("growth_of_some_posts") == "bool[pyarrow]"
    assert set(types.values()) == {"int64[pyarrow]"}
    assert [len(table) for table in found] == [4, 0]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], list[str]]:
    """The lines of the report in a terminal of so many columns, on the last day of September 2026."""
    monkeypatch.setattr(import_module("analytics_pipeline.cli.report"), "datetime", stopped_at(MADE_AT))

    def show(columns: int) -> list[str]:
        terminal = StringIO()
        monkeypatch.setattr(console, "_width", columns)  # COLUMNS counts when it is made
        monkeypatch.setattr(console, "file", terminal)
        assert CliRunner().invoke(app, ["report", "--business", "1"]).exit_code == 0
        return [line.rstrip() for line in terminal.getvalue().splitlines()]

    return show


def test_the_terminal_says_of_how_many_posts_a_figure_is(business: Engine, shown: Callable[[int], list[str]]) -> None:
    with business.begin() as connection:
        connection.execute(
            text("UPDATE summary_coverage SET posts_with_engagements = 1 WHERE posts_with_impressions = 1")
        )
    said = shown(80)
    assert [line.split() for line in said if "twitter" in line] == [
        ["2026-08", "twitter", "2", "3,000", "(1)", "12,345", "(1)", "–", "–"],
        ["2026-09*", "twitter", "2", "3,000", "–", "–", "-99.50", "(some)"],
    ]
    assert said[-4:] == [
        "*: not over yet.",
        "(n): the figure is that of n of the posts, of the others it is unknown.",
        "(some): of this period or the one before, the engagements of some posts are unknown.",
        "Reach, clicks and more: --format csv or html.",
    ]


@pytest.mark.parametrize("columns", [40, 60, 80])
def test_no_terminal_is_too_narrow_for_a_column_or_a_figure(
    business: Engine, shown: Callable[[int], list[str]], columns: int
) -> None:
    with business.begin() as connection:
        connection.execute(text("UPDATE analytics_summaries SET total_impressions = 6386419752349"))
    said = shown(columns)
    headers = next(line for line in said if "platform" in line)
    assert headers.split()[:2] == ["month", "platform"]
    assert headers.split()[-4:] == ["rate", "%", "growth", "%"]
    assert sum("6,386,419,752,349" in line for line in said) == 4


def test_a_file_is_piped_without_other_words(business: Engine) -> None:
    result = CliRunner().invoke(app, ["report", "--business", "1", "--format", "csv", "--output", "-"])
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0].startswith("business_id,period_type,period_start,period_end,platform,total_posts,")
    assert [line.split(",")[:5] for line in lines[1:3]] == [
        ["1", "monthly", "2026-08-01", "2026-08-30", "twitter"],
        ["1", "monthly", "2026-08-01", "2026-08-30", "all"],
    ]
    assert (len(lines), result.stderr) == (5, "")


def test_a_file_whose_ending_is_that_of_another_format_is_refused(business: Engine, tmp_path: Path) -> None:
    file = tmp_path / "september.html"
    result = CliRunner().invoke(app, ["report", "--business", "1", "--format", "csv", "--output", str(file)])
    assert isinstance(result.exception, InvalidRequestError)
    assert str(result.exception) == "september.html is a file of the format html by its ending, not csv"
    assert not file.exists()


def test_remarks_stand_under_the_table(business: Engine, shown: Callable[[int], list[str]]) -> None:
    with business.begin() as connection:
        connection.execute(text("UPDATE social_accounts SET status = 'needs_reauth', status_reason = 'revoked'"))
    assert shown(80)[-1] == "• twitter Roasters is not read: needs_reauth (revoked)"
