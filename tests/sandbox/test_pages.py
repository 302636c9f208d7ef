"""docs/sandbox.md and docs/world.md keep up with the code: named tests exist, every column and setting is explained."""

import re
from dataclasses import fields
from pathlib import Path

from analytics_pipeline.sandbox.faults import KINDS
from analytics_pipeline.sandbox.world import SECTIONS, TABLES
from analytics_pipeline.settings import PROJECT_DIR

HERE = Path(__file__).parent


def test_every_named_test_exists() -> None:
    """A row names the file once and then `::test_name` for more tests of that file."""
    missing, found, file = [], 0, ""
    for named_file, test in re.findall(r"`(test_\w+\.py)?::(\w+)`", (PROJECT_DIR / "docs/sandbox.md").read_text()):
        file = named_file or file
        found += 1
        if not re.search(rf"^\s*(def|class) {test}\b", (HERE / file).read_text(), re.MULTILINE):
            missing.append(f"{file}::{test}")
    assert missing == []
    assert found > 80


def test_every_column_and_setting_is_explained() -> None:
    page = (PROJECT_DIR / "docs/world.md").read_text()
    columns = [each.name for row in TABLES.values() for each in fields(row) if each.name != "headers"]
    settings = [f"{section}.{each.name}" for section, kind in SECTIONS.items() for each in fields(kind)]
    assert [name for name in [*columns, *settings] if f"`{name}`" not in page] == []


def test_every_kind_of_fault_is_explained() -> None:
    page = (PROJECT_DIR / "docs/sandbox.md").read_text()
    assert [kind for kind in KINDS if f"| `{kind}` |" not in page] == []
