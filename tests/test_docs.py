"""The pages in docs/: complete where they list settings and pages, SQL that runs; and links, also of README.md."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import inspect
from sqlalchemy.orm import Session

from analytics_pipeline.assets.analytics_summaries import manifest_path
from analytics_pipeline.cli import dictionary, platforms
from analytics_pipeline.platform_fetchers import FETCHERS
from analytics_pipeline.settings import PROJECT_DIR, Settings

PAGES = sorted((PROJECT_DIR / "docs").glob("*.md"))
SQL = [
    pytest.param(block, id=f"{page.name}-{n}")
    for page in PAGES
    for n, block in enumerate(re.findall(r"```sql\n(.*?)```", page.read_text(), re.DOTALL), 1)
]


def _anchors(page: Path) -> set[str]:
    """The names by which the headings of a page are linked to, as the code hosts make them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def _written(default: Any) -> str:
    return default.model_dump_json() if isinstance(default, BaseModel) else str(default)


def test_every_setting_is_on_its_page_with_its_default() -> None:
    table = (PROJECT_DIR / "docs" / "real-platforms.md").read_text().partition("## All settings")[2]
    documented = dict(re.findall(r"^\| `([A-Z_]+)` \| (.+?) \|", table, re.MULTILINE))
    expected = {
        name.upper(): "unset" if field.default is None else f"`{_written(field.default)}`"
        for name, field in Settings.model_fields.items()
    }
    expected["ANALYTICS_HOME"] = "`.analytics` in the project"
    assert documented == expected


def test_the_page_of_metrics_is_what_the_fetchers_go_by() -> None:
    written = (PROJECT_DIR / "docs" / "metrics.md").read_text()
    assert written == platforms.page(list(FETCHERS)), "analytics-pipeline platforms --markdown > docs/metrics.md"


def test_the_data_dictionary_is_what_the_contracts_say() -> None:
    written = (PROJECT_DIR / "docs" / "data-dictionary.md").read_text()
    manifest = json.loads(manifest_path().read_text())
    assert written == dictionary.page(manifest), "analytics-pipeline db dictionary > docs/data-dictionary.md"


def test_every_table_is_on_the_page_of_the_data(marts: Session) -> None:
    listed = (PROJECT_DIR / "docs" / "data.md").read_text().partition("\n## ")[0]
    tables = set(inspect(marts.connection()).get_table_names()) - {"alembic_version"}
    assert {table for table in tables if f"`{table}`" not in listed} == set()


def test_every_part_of_the_package_is_in_the_design() -> None:
    tree = (PROJECT_DIR / "docs" / "design.md").read_text().partition("\n## The code")[2]
    parts = {path.name for path in (PROJECT_DIR / "analytics_pipeline").iterdir() if path.name[0] not in "_."}
    assert {part for part in parts - {"py.typed"} if f"\n    {part}" not in tree} == set()


def test_the_index_names_every_page() -> None:
    index = (PROJECT_DIR / "docs" / "README.md").read_text()
    missing = [page.name for page in PAGES if page.name != "README.md" and f"({page.name})" not in index]
    assert missing == []


@pytest.mark.parametrize(
    "page",
    [PROJECT_DIR / "README.md", PROJECT_DIR / "deploy" / "README.md", *PAGES],
    ids=lambda page: str(page.relative_to(PROJECT_DIR)),
)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith(("https://", "http://")):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


def _tests_of(file: Path) -> set[str]:
    return set(re.findall(r"^ *(?:def|class) (test_\w+|Test\w+)\b", file.read_text(), re.MULTILINE))


def _checklist() -> list[tuple[str, str]]:
    """(point, tests named for it) of every row of the checklists in docs/sandbox.md."""
    text = (PROJECT_DIR / "docs" / "sandbox.md").read_text()
    tables = re.findall(r"^\| checklist \| test \|\n\|[- |]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert len(tables) == 4, "one table per platform"
    rows = [line.strip("| ").rpartition(" | ") for table in tables for line in table.splitlines()]
    return [(point, named) for point, _, named in rows]


@pytest.mark.parametrize(("point", "named"), _checklist(), ids=lambda text: text[:60])
def test_every_point_of_the_checklists_has_a_test_that_exists(point: str, named: str) -> None:
    if named.startswith("not simulated: "):
        return
    file, missing = None, []
    tests = re.findall(r"`(?:(test_\w+\.py))?::(test_\w+|Test\w+)`", named)
    for name, test in tests:
        file = PROJECT_DIR / "tests" / "sandbox" / name if name else file
        if file is None or not file.exists() or test not in _tests_of(file):
            missing.append(f"{name or file}::{test}")
    assert tests, f"no test shows: {point}"
    assert missing == []
    assert re.sub(r"`[^`]*`|[, ]", "", named) == "", "a row names tests and nothing else"


def test_the_pages_stand_alone() -> None:
    assert [page.name for page in PAGES if "../shared" in page.read_text()] == []


@pytest.mark.parametrize("statement", SQL)
def test_sql_runs(marts: Session, statement: str) -> None:
    assert marts.connection().exec_driver_sql(statement).all() == []
