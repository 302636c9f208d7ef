"""Errors made on purpose in the SQL of dbt, one at a time: does a test turn red? `python -m tests.mutants [MODEL …]`.

A mutant that survives is printed with its line, and either is the same SQL (say, a bound that only an index needs) or
shows a test that is missing. Takes minutes per model, so it is run by hand. Not here: errors in data, which the tests
of dbt must find (`dbt_summaries/`).
"""

import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from analytics_pipeline import settings

PROJECT = settings.PROJECT_DIR / "dbt_summaries"
TESTS = {
    "test_example.py test_analytics_summaries.py": ["analytics_summaries", "int_publish_days", "int_posts"],
    "test_history_example.py test_history_marts.py": [
        "post_daily_gains", "post_performance", "activity_summaries", "account_growth", "platform_coverage",
        "int_reading_days",
    ],
    "test_posting.py test_account_marts.py": [
        "posting_times", "content_types", "benchmarks", "int_post_figures", "int_account_months", "stg_content",
    ],
}  # fmt: skip
"""Test files, the quick ones first → the models that they judge."""
MUTATIONS = [
    (r"\bleft join\b", "inner join"),
    (r"\binner join\b", "left join"),
    (r"\bfull join\b", "left join"),
    (r"\bunion all\b", "union"),
    (r"coalesce\((.+), (?:0|'unknown')\)", r"\1"),
    (r"nullif\((.+), 0\)", r"\1"),
    (r"\bsum\(", "avg("),
    (r"\bmax\(", "min("),
    (r"\bgreatest\(", "least("),
    (r"\bleast\(", "greatest("),
    (r"\bcount\(\w[^()]*\)", "count(*)"),
    (r"sum\(((?:[^()]|\([^()]*\))*)\)", r"coalesce(sum(\1), 0)"),
    (r"filter \(where [^()]*(?:\([^()]*\)[^()]*)*\)", ""),
    (r"^(\s*)(and|or) .*$", r"\1"),
    (r">=", ">"),
    (r"(?<=[\w}] )>(?= )", ">="),
    (r"<=", "<"),
    (r"(?<=[\w}] )<(?= )", "<="),
    (r"\bis distinct from\b", "<>"),
    (r" desc\b", ""),
    (r"order by (\S+)$", r"order by \1 desc"),
    (r"\b100 \* ", ""),
    (r" - 1\b", ""),
    (r" \+ 1\b", ""),
    (r"(?<![\w.'])(5|7|16|20|89|90|100|280|1000|10000)(?![\w.'])", lambda m: str(int(m.group(1)) + 1)),
    (r"\bdaily\b", "weekly"),
    (r"at time zone \S+", "at time zone 'UTC'"),
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


def is_killed(project: Path, files: str) -> bool:
    """Whether a test fails with the project in this folder; in a child, which has all imports already."""
    child = os.fork()
    if not child:
        import pytest

        with (project / "output").open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        settings.PROJECT_DIR = project
        folder = Path(__file__).parent / "dbt_summaries"
        options = ["-x", "-q", "-n", "0", "--assert=plain", "-p", "no:cacheprovider", f"--basetemp={project / 'tests'}"]
        try:
            os._exit(int(pytest.main([*options, *(str(folder / name) for name in files.split())])))
        finally:
            os._exit(3)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code not in (0, 1):
        raise RuntimeError(f"pytest ended with {code}: {(project / 'output').read_text()[-2000:]}")
    return code == 1


def judge(files: str, file: Path | None = None, sql: str = "") -> bool:
    """Whether a test fails when this file of the project holds this SQL; without a file, when all is as it is."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "dbt_summaries"
        shutil.copytree(PROJECT, copy, ignore=shutil.ignore_patterns("target"))
        if file:
            (copy / file.relative_to(PROJECT)).write_text(sql)
        return is_killed(Path(folder), files)


def main(names: list[str]) -> None:
    import dbt.cli.main  # noqa: F401
    import hypothesis  # noqa: F401
    import pandas  # noqa: F401

    for files, models in TESTS.items():
        chosen = [name for name in models if not names or name in names]
        if chosen and judge(files):
            raise RuntimeError(f"{files}: red without any mutant")
        for model in chosen:
            (file,) = PROJECT.rglob(f"models/**/{model}.sql")
            killed = survived = 0
            for line, sql in mutants(file.read_text()):
                if judge(files, file, sql):
                    killed += 1
                else:
                    survived += 1
                    print(f"{model}.sql:{line}: {sql.splitlines()[line - 1].strip()}", flush=True)
            print(f"{model}: {killed} killed, {survived} survived", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
