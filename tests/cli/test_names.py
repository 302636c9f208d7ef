"""Names are shown as they are, whatever brackets and colons are in them: nothing in them is an instruction to the terminal."""

from datetime import date
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import Business
from tests.cli.conftest import Call

NAMES = ["Bar [/x]", "Cafe [uk]", "Bold [/]", "[red]Zoo[/red]", "A :smile: B", "C:\\"]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_every_table_and_sentence(
    call: Call, session: Session, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("TOK", "token")
    status, output, errors = call(
        "accounts", "add", "--business", name, "--platform", "twitter", "--id", "7", "--name", f"on X {name}",
        "--token-env", "TOK",
    )  # fmt: skip
    assert (status, errors) == (0, "")
    assert f"twitter account 7 is connected to {name} (business 1) as 1." in output
    assert call("accounts", "time-zone", name, "Asia/Tokyo") == (
        0,
        f"{name} (business 1) lives in Asia/Tokyo; its posting times follow with the next dbt run.",
        "",
    )
    status, output, errors = call("accounts", "list")
    assert (status, errors) == (0, "")
    assert f" {name} (1) twitter on X {name} " in output
    status, output, errors = call("status")
    assert (status, errors) == (0, "")
    assert output.startswith(f"{name} (business 1), 20")
    assert f"• twitter on X {name}: never read yet" in output


@pytest.mark.parametrize("name", NAMES)
def test_a_name_and_a_file_of_the_report(call: Call, marts: Session, tmp_path: Path, name: str) -> None:
    marts.add(Business(name=name))
    key = str(uuid4())
    marts.execute(text(f"insert into summary_coverage (id) values ('{key}')"))
    marts.execute(
        text(
            "insert into analytics_summaries (id, business_id, period_type, platform, period_start, period_end, total_posts)"
            f" values ('{key}', 1, 'monthly', 'all', :first, :last, 2)"
        ),
        {"first": date(2026, 8, 1), "last": date(2026, 8, 31)},
    )
    marts.commit()
    status, output, errors = call("report", "--business", "1")
    assert (status, errors) == (0, "")
    assert output.startswith(f"{name}, by month of publication")
    file = tmp_path / f"my{name.replace('/', '')}[v2].csv"
    assert call("report", "--business", "1", "--format", "csv", "--output", str(file)) == (0, f"Written to {file}", "")
    assert file.exists()


@pytest.mark.parametrize("name", NAMES)
def test_a_name_in_an_error(call: Call, session: Session, name: str) -> None:
    refused = call("accounts", "time-zone", name, "UTC")
    assert refused == (1, "", f"Error: there is no business {name!r}")
