"""Errors made on purpose in the SQL of dbt, one at a time: does a test turn red?

By hand, as it takes minutes per model: `pytest -n 0 tests/dbt_summaries/mutants.py -k post_daily_gains`. A failure here
is a mutant that every test let live: either the same SQL (say, a bound that only an index needs), or a test is missing.
Not here: errors in data, which the tests of dbt must find (`dbt_summaries/tests`).
"""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from analytics_pipeline.settings import PROJECT_DIR
from tests.dbt_summaries import (
    test_account_marts,
    test_analytics_summaries,
    test_example,
    test_history_example,
    test_history_marts,
    test_posting,
)
from tests.dbt_summaries.conftest import Dbt

PROJECT = PROJECT_DIR / "dbt_summaries"
JUDGES: list[tuple[list[Any], list[str]]] = [
    (
        [test_example, test_analytics_summaries],
        ["analytics_summaries", "summary_coverage", "int_publish_days", "int_posts"],
    ),
    (
        [test_history_example, test_history_marts],
        [
            "post_daily_gains",
            "post_performance",
            "activity_summaries",
            "account_growth",
            "platform_coverage",
            "int_reading_days",
        ],
    ),
    (
        [test_posting, test_account_marts],
        ["posting_times", "content_types", "benchmarks", "int_post_figures", "int_account_months", "stg_content"],
    ),
]
"""Modules of tests, the quick ones first, and the models that they judge."""
MUTATIONS = [
    (r"\bleft join\b", "inner join"),
    (r"\binner join\b", "left join"),
    (r"\bfull join\b", "left join"),
    (r"\bunion all\b", "union"),
    (r"coalesce\(((?:[^()]|\([^()]*\))*), (?:0|'unknown')\)", r"\1"),
    (r"nullif\((.+), 0\)", r"\1"),
    (r"\bsum\(", "avg("),
    (r"\bmax\(", "min("),
    (r"\bgreatest\(", "least("),
    (r"\bleast\(", "greatest("),
    (r"\bcount\(\w[^()]*\)", "count(*)"),
    (r"(?<!coalesce\()sum\(((?:[^()]|\([^()]*\))*)\)(?! filter)", r"coalesce(sum(\1), 0)"),
    (r"filter \(where [^()]*(?:\([^()]*\)[^()]*)*\)", ""),
    (r"^(\s*)(and|or) .*$", r"\1"),
    (r">=", ">"),
    (r"(?<=[\w}] )>(?= )", ">="),
    (r"<=", "<"),
    (r"(?<=[\w}] )<(?= )", "<="),
    (r"\bis distinct from\b", "<>"),
    (r" desc\b", ""),
    (r"order by ([\w.]+)(?=\)?$)", r"order by \1 desc"),
    (r"\b100 \* ", ""),
    (r" - 1\b", ""),
    (r" \+ 1\b", ""),
    (r"(?<![\w.'])(5|7|16|20|89|90|100|280|1000|10000)(?![\w.'])", lambda m: str(int(m.group(1)) + 1)),
    (r"\bdaily\b", "weekly"),
    (r"at time zone [\w.]+", "at time zone 'UTC'"),
    (r"\bisodow\b", "dow"),
    (r"\brank\(\)", "row_number()"),
    (r"\bcume_dist\(\)", "percent_rank()"),
    (r"percentile_cont", "percentile_disc"),
    (r"rows between unbounded preceding and 1 preceding", "rows between 2 preceding and 1 preceding"),
]  # fmt: skip


def mutants(sql: str) -> Iterator[tuple[int, str]]:
    """(line, the whole SQL with one error in that line)."""
    body = sql.index("}}\n") + 3 if sql.lstrip().startswith("{{") else 0
    for pattern, replacement in MUTATIONS:
        for found in re.finditer(pattern, sql, re.MULTILINE):
            start = sql.rfind("\n", 0, found.start()) + 1
            if found.start() < body or sql[start : found.start()].lstrip().startswith("--"):
                continue
            changed = sql[: found.start()] + found.expand(replacement) if isinstance(replacement, str) else ""
            changed = changed or sql[: found.start()] + replacement(found)  # type: ignore[operator]
            changed += sql[found.end() :]
            if changed != sql:
                yield sql.count("\n", 0, found.start()) + 1, changed


def _tests(module: Any) -> Iterator[Callable[..., None]]:
    """Every test of a module that needs dbt, with each set of its parameters."""
    for name, test in vars(module).items():
        if not name.startswith("test_") or "dbt" not in test.__annotations__:
            continue
        marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        for values in marks[0].args[1] if marks else [pytest.param()]:
            given = dict(zip(marks[0].args[0], values.values, strict=True)) if marks else {}
            yield lambda engine, dbt, test=test, given=given: test(engine, dbt, **given)


def _cases() -> Iterator[Any]:
    for modules, models in JUDGES:
        tests = [test for module in modules for test in _tests(module)]
        for model in models:
            (file,) = (PROJECT / "models").rglob(f"{model}.sql")
            sql = file.read_text()
            for n, (line, mutant) in enumerate([(0, sql), *mutants(sql)]):
                words = mutant.splitlines()[line - 1].strip() or f"without {sql.splitlines()[line - 1].strip()}"
                for place, test in enumerate(tests, 1):
                    name = f"{model}-{n}-{place} line {line}: {words if n else 'not changed'}"
                    yield pytest.param(file, mutant, test, place == len(tests), id=name)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, to be spoiled; what dbt parses of it once is parsed for all."""
    copy = tmp_path_factory.mktemp("mutants") / "dbt_summaries"
    shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("target"))
    return copy


killed: set[str] = set()


@pytest.mark.parametrize(("file", "mutant", "test", "is_last"), list(_cases()))
def test_mutants_are_killed(
    engine: Engine,
    dbt: Dbt,
    project: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: Path,
    mutant: str,
    test: Callable[[Engine, Dbt], None],
    is_last: bool,
) -> None:
    if mutant in killed:
        pytest.skip("killed already")
    is_mutant = mutant != file.read_text()
    for name in ("DBT_PROJECT_DIR", "DBT_PROFILES_DIR"):
        monkeypatch.setenv(name, str(project))
    monkeypatch.setenv("DBT_TARGET_PATH", str(project / "target"))
    spoiled = project / file.relative_to(PROJECT)
    spoiled.write_text(mutant)
    try:
        test(engine, dbt)
    except Exception:
        if not is_mutant:
            raise
        killed.add(mutant)
    finally:
        spoiled.write_text(file.read_text())
    assert not (is_mutant and is_last) or mutant in killed, "no test found this error"
