"""Errors made on purpose in the SQL of dbt, one at a time: does a test turn red?

By hand, as it takes half an hour: `pytest -n 0 tests/dbt_summaries/mutants.py -k post_daily_gains`. A failure here is a
mutant that every test let live: a test is missing, or it is the same SQL, and then stands in `equal_mutants.py`.
A mutant is put into what dbt has parsed, so nothing is parsed anew. It first meets the worlds that hypothesis makes, in
copies of databases in which all that comes before is right; then, if need be, the tests themselves. One that is no SQL at
all is skipped: that it fails proves nothing.
Not here: errors in data, which the tests of dbt must find (`dbt_summaries/tests`).
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine

from analytics_pipeline.database import embedded
from analytics_pipeline.settings import PROJECT_DIR
from tests.dbt_summaries import (
    conftest,
    reference,
    test_account_marts,
    test_analytics_summaries,
    test_corrections,
    test_example,
    test_history_example,
    test_history_marts,
    test_posting,
)
from tests.dbt_summaries.accounts_worlds import FIRST_CHANGED, LAST_CHANGED, changed, generated_world, store_accounts
from tests.dbt_summaries.conftest import Dbt, read_summaries
from tests.dbt_summaries.equal_mutants import EQUAL
from tests.dbt_summaries.history_worlds import store_history
from tests.dbt_summaries.worlds import store

Days = tuple[date, date]

_NO_SQL = re.compile(
    r"syntax error|does not exist|is ambiguous|must appear in the GROUP BY|cannot be (matched|cast)|Compilation Error"
)
"""In what the server says of a statement that means nothing: whoever writes it sees that without any test."""


@dataclass(frozen=True)
class Step:
    """A world, the days that changed in it (None: all is built), and what compares the marts with their reference."""

    store: Callable[[Engine], None]
    days: Days | None
    check: Callable[[Engine, Sequence[str]], None]


def summaries_steps() -> list[Step]:
    first, last = date(2019, 12, 31), date(2020, 1, 2)

    def step(world: Any, days: Days | None) -> Step:
        expected = {"analytics_summaries": reference.summaries(world), "summary_coverage": reference.coverage(world)}

        def check(engine: Engine, marts: Sequence[str]) -> None:
            for mart in marts:
                test_analytics_summaries.assert_figures(read_summaries(engine, mart), expected[mart], world)

        return Step(lambda engine: store(engine, world), days, check)

    earlier, later = test_analytics_summaries.generated_worlds(first, last)
    return [step(earlier, None), step(later, (first, last))]


def history_steps() -> list[Step]:
    first, last = date(2019, 12, 31), date(2020, 1, 2)

    def step(history: Any, days: Days | None) -> Step:
        return Step(
            lambda engine: store_history(engine, history),
            days,
            lambda engine, marts: test_history_marts.assert_marts(engine, history, marts),
        )

    earlier, later = test_history_marts.histories(first, last)
    return [step(earlier, None), step(later, (first, last))]


def accounts_steps() -> list[Step]:
    def step(world: Any, days: Days | None) -> Step:
        def check(engine: Engine, marts: Sequence[str]) -> None:
            test_account_marts.assert_marts({mart: test_account_marts.read_mart(engine, mart) for mart in marts}, world)

        return Step(lambda engine: store_accounts(engine, world), days, check)

    earlier = generated_world(test_account_marts.BUSINESSES)
    return [step(earlier, None), step(changed(earlier, seed=1), (FIRST_CHANGED, LAST_CHANGED))]


@dataclass(frozen=True)
class Judge:
    """What judges a group of models and macros."""

    steps: Callable[[], list[Step]]
    modules: Sequence[Any]
    """Modules of tests, the quick ones first."""
    judged: Mapping[str, Sequence[str]]
    """Model or macro → the marts that show its errors."""


SUMMARIES = ("analytics_summaries", "summary_coverage")
GAINS = ("post_daily_gains", "activity_summaries")
ACCOUNTS = tuple(test_account_marts.KEYS)
JUDGES = {
    "summaries": Judge(
        summaries_steps,
        (test_example, test_analytics_summaries),
        {mart: (mart,) for mart in SUMMARIES}
        | dict.fromkeys(
            (
                "int_publish_days",
                "stg_published_posts",
                "changed_range",
                "get_incremental_replace_changed_days_sql",
                "get_incremental_replace_changed_periods_sql",
                "replace_rows",
            ),
            SUMMARIES,
        ),
    ),
    "history": Judge(
        history_steps,
        (test_history_example, test_history_marts, test_corrections),
        {mart: (mart,) for mart in test_history_marts.MARTS}
        | dict.fromkeys(("post_daily_gains", "stg_post_analytics", "delete_moved_posts"), GAINS)
        | dict.fromkeys(
            ("changed_gains", "delete_changed_readings", "holds_one_of", "readings_before", "readings_since"), GAINS
        )
        | dict.fromkeys(("int_reading_days", "what_differs"), (*GAINS, "platform_coverage"))
        | dict.fromkeys(
            ("int_account_days", "create_touched_days", "touched_days", "changed_reading_days", "changed_account_days"),
            ("activity_summaries", "platform_coverage"),
        )
        | {"engagements_after": ("post_performance",)}
        | {"delete_touched_days": ("platform_coverage",), "delete_touched_periods": GAINS},
    ),
    "accounts": Judge(
        accounts_steps,
        (test_posting, test_account_marts),
        {mart: (mart,) for mart in ACCOUNTS}
        | dict.fromkeys(("int_latest_readings", "int_posts"), ACCOUNTS)
        | {"int_account_months": ("benchmarks",), "stg_content": ("content_types",)}
        | {"delete_changed_windows": ("posting_times",), "delete_months_since_the_changed": ("benchmarks",)}
        | dict.fromkeys(("changed_months", "delete_changed_months"), ("content_types", "benchmarks")),
    ),
}
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


def mutants(sql: str) -> Iterator[tuple[str, str]]:
    """(the line with an error, the whole SQL with it)."""
    body = sql.index("}}\n") + 3 if sql.lstrip().startswith("{{") else 0
    for pattern, replacement in MUTATIONS:
        for found in re.finditer(pattern, sql, re.MULTILINE):
            start = sql.rfind("\n", 0, found.start()) + 1
            if found.start() < body or sql[start : found.start()].lstrip().startswith("--"):
                continue
            error = found.expand(replacement) if isinstance(replacement, str) else replacement(found)  # type: ignore[operator]
            mutant = sql[: found.start()] + error + sql[found.end() :]
            if mutant != sql:
                line = sql.count("\n", 0, found.start())
                shown = mutant.splitlines()[line].strip() or f"without {sql.splitlines()[line].strip()}"
                yield f"{line + 1}: {shown}", mutant


def source_of(name: str) -> str:
    """The SQL of a model or macro, as it is parsed."""
    models = [*(PROJECT_DIR / "dbt_summaries" / "models").rglob(f"{name}.sql")]
    if models:
        return models[0].read_text().strip()
    macros = [*(PROJECT_DIR / "dbt_summaries" / "macros").glob("*.sql")]
    (found,) = (
        part
        for macro in macros
        for part in re.findall(r"{% macro .*?{%-? endmacro %}", macro.read_text(), re.DOTALL)
        if re.match(rf"{{% macro {name}\(", part)
    )
    return str(found)


def _cases() -> Iterator[Any]:
    for group, judge in JUDGES.items():
        for name in judge.judged:
            sql = source_of(name)
            yield pytest.param(group, name, sql, id=f"{name} 0: not changed")
            for n, (line, mutant) in enumerate(mutants(sql), start=1):
                yield pytest.param(group, name, mutant, id=f"{name} {n}, line {line}")


def _tests(module: Any) -> Iterator[Callable[..., None]]:
    """Every test of a module that needs dbt, with each set of its parameters."""
    for name, test in vars(module).items():
        if not name.startswith("test_") or "dbt" not in test.__annotations__:
            continue
        marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "parametrize"]
        for values in marks[0].args[1] if marks else [pytest.param()]:
            given = dict(zip(marks[0].args[0], values.values, strict=True)) if marks else {}
            yield lambda engine, dbt, test=test, given=given: test(engine, dbt, **given)


class Copies:
    """Databases as they are just before the run of dbt that a step has."""

    def __init__(self, server: embedded.EmbeddedServer, engine: Engine, dbt: Dbt) -> None:
        self._server, self._engine, self._dbt = server, engine, dbt

    def copy(self, source: str, target: str) -> None:
        self._engine.dispose()
        with psycopg.connect(self._server.url("postgres"), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}" STRATEGY file_copy')
            connection.execute(f"ALTER DATABASE \"{target}\" SET timezone = 'Pacific/Kiritimati'")

    def of(self, group: str) -> list[tuple[str, Step]]:
        """(copy, step), made once by the SQL as it is."""
        if group not in _steps:
            _steps[group] = JUDGES[group].steps()
            marts = {f"+{mart}" for marts in JUDGES[group].judged.values() for mart in marts}
            self.copy("migrated", conftest.DATABASE)
            for n, step in enumerate(_steps[group]):
                step.store(self._engine)
                self.copy(conftest.DATABASE, f"{group}_{n}")
                assert self._dbt("run", "--select", *marts, days=step.days).succeeded
        return [(f"{group}_{n}", step) for n, step in enumerate(_steps[group])]


_steps: dict[str, list[Step]] = {}


@pytest.mark.parametrize(("group", "name", "sql"), list(_cases()))
def test_mutants_are_killed(
    request: pytest.FixtureRequest,
    postgres_server: embedded.EmbeddedServer,
    engine: Engine,
    dbt: Dbt,
    monkeypatch: pytest.MonkeyPatch,
    group: str,
    name: str,
    sql: str,
) -> None:
    judge, copies = JUDGES[group], Copies(postgres_server, engine, dbt)
    ready = copies.of(group)
    manifest = conftest.parsed()
    if f"model.dbt_summaries.{name}" in manifest.nodes:
        monkeypatch.setattr(manifest.nodes[f"model.dbt_summaries.{name}"], "raw_code", sql)
    else:
        monkeypatch.setattr(manifest.macros[f"macro.dbt_summaries.{name}"], "macro_sql", sql)
    is_mutant = sql != source_of(name)
    shown = request.node.name.partition("[")[2].rstrip("]").partition(": ")[2].replace("\\\\", "\\")

    def judged() -> Iterator[None]:
        marts = judge.judged[name]
        for copy, step in ready:
            copies.copy(copy, conftest.DATABASE)
            built = dbt("run", "--select", *(f"+{mart}" for mart in marts), days=step.days)
            if is_mutant and (wrong := next(filter(_NO_SQL.search, built.messages), None)):
                pytest.skip(f"proves nothing, as it is no SQL: {' '.join(wrong.split())[:200]}")
            assert built.succeeded
            step.check(engine, marts)
            yield
        if (name, shown) in EQUAL:
            return
        for test in (test for module in judge.modules for test in _tests(module)):
            copies.copy("migrated", conftest.DATABASE)
            test(engine, dbt)
            yield

    try:
        for _ in judged():
            pass
    except Exception:
        if not is_mutant or (name, shown) in EQUAL:
            raise
        return
    assert not is_mutant or (name, shown) in EQUAL, "no test found this error"
