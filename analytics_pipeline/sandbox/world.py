"""Where a world comes from: a folder of CSV files and world.toml, or the generator.

Here: reading and writing that folder, refusing bad rows with file, line and reason. The columns are
explained in docs/world.md. Not here: the rows themselves (model.py), invented data (generator.py).
"""

import csv
import json
import tomllib
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, get_type_hints

from analytics_pipeline.sandbox.faults import Fault
from analytics_pipeline.sandbox.generator import generate_world
from analytics_pipeline.sandbox.model import (
    Account,
    AccountDay,
    ClockSettings,
    FacebookSettings,
    InstagramSettings,
    LinkedInSettings,
    MetaSettings,
    OAuthSettings,
    Observation,
    Post,
    TwitterSettings,
    World,
    WorldError,
)

__all__ = ["World", "WorldFileError", "generate_world", "load_world", "write_world"]

TABLES: dict[str, type] = {
    "accounts": Account,
    "posts": Post,
    "observations": Observation,
    "account_days": AccountDay,
    "faults": Fault,
}
SECTIONS: dict[str, type] = {
    "clock": ClockSettings,
    "oauth": OAuthSettings,
    "linkedin": LinkedInSettings,
    "twitter": TwitterSettings,
    "meta": MetaSettings,
    "facebook": FacebookSettings,
    "instagram": InstagramSettings,
}
_REQUIRED = {
    "accounts": ("platform", "external_id", "access_token"),
    "posts": ("platform", "external_id", "post_id", "published_at"),
    "observations": ("platform", "post_id", "observed_at"),
    "account_days": ("platform", "external_id", "day", "metric", "value"),
    "faults": ("kind",),
}


class WorldFileError(ValueError):
    """A world folder that cannot be read: says which file, which line, and why."""

    def __init__(self, file: Path, line: int | None, reason: str) -> None:
        place = f"{file.name}, line {line}" if line else file.name
        super().__init__(f"{place}: {reason}")
        self.file, self.line, self.reason = file, line, reason


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone; write UTC as 2026-09-01T12:00:00Z")
    return moment.astimezone(UTC)


def _flag(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(f"{text!r} is neither true nor false")
    return text == "true"


_READERS: dict[object, Callable[[str], Any]] = {
    str: str,
    int: int,
    float: float,
    bool: _flag,
    datetime: _moment,
    date: date.fromisoformat,
    frozenset[str]: lambda text: frozenset(text.replace(",", " ").split()),
}


def _columns(row_type: type) -> dict[str, Callable[[str], Any]]:
    """Column → how its text is read. Fields of other types (a fault's headers) have no column."""
    columns = {}
    for name, hint in get_type_hints(row_type).items():
        optional = type(None) in getattr(hint, "__args__", ())
        plain = next(kind for kind in hint.__args__ if kind is not type(None)) if optional else hint
        if plain in _READERS:
            columns[name] = _READERS[plain]
    return columns


def load_world(folder: Path) -> World:
    """Reads a world folder. Raises WorldFileError at the first row or setting that cannot be right."""
    folder = Path(folder)
    parts: dict[str, Any] = _read_settings(folder / "world.toml")
    lines: dict[str, list[int]] = {}
    for table, row_type in TABLES.items():
        parts[table], lines[table] = _read_table(folder / f"{table}.csv", table, row_type)
    try:
        return World(**parts)
    except WorldError as error:
        raise WorldFileError(folder / f"{error.table}.csv", lines[error.table][error.row], error.reason) from error


def _read_table(file: Path, table: str, row_type: type) -> tuple[list[Any], list[int]]:
    rows: list[Any] = []
    lines: list[int] = []
    if not file.exists():
        if table in ("accounts", "posts"):
            raise WorldFileError(file, None, "this file is missing")
        return rows, lines
    known = _columns(row_type)
    with file.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        header = next(reader, [])
        if unknown := [name for name in header if name not in known]:
            raise WorldFileError(file, 1, f"unknown column {unknown[0]!r}; known: {', '.join(known)}")
        if missing := [name for name in _REQUIRED[table] if name not in header]:
            raise WorldFileError(file, 1, f"column {missing[0]!r} is missing")
        if len(set(header)) != len(header):
            raise WorldFileError(file, 1, "a column stands there twice")
        parsers = [(name, known[name], name in _REQUIRED[table]) for name in header]
        start = reader.line_num + 1
        try:
            for cells in reader:
                if cells:
                    rows.append(row_type(**_read_row(cells, parsers)))
                    lines.append(start)
                start = reader.line_num + 1
        except (ValueError, csv.Error) as error:
            raise WorldFileError(file, start, str(error)) from error
    return rows, lines


def _read_row(cells: list[str], parsers: list[tuple[str, Callable[[str], Any], bool]]) -> dict[str, Any]:
    if len(cells) != len(parsers):
        raise ValueError(f"{len(cells)} cells where the header has {len(parsers)}")
    values = {}
    for cell, (name, read, required) in zip(cells, parsers, strict=True):
        if cell:
            try:
                values[name] = read(cell)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
        elif required:
            raise ValueError(f"{name} is blank")
    return values


def _read_settings(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {"name": file.parent.name}
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise WorldFileError(file, None, str(error)) from error
    settings: dict[str, Any] = {"name": document.pop("name", file.parent.name)}
    for section, values in document.items():
        if section not in SECTIONS:
            raise WorldFileError(file, None, f"unknown section [{section}]; known: {', '.join(SECTIONS)}")
        hints = get_type_hints(SECTIONS[section])
        for name, value in values.items():
            if name not in hints:
                raise WorldFileError(file, None, f"unknown setting {section}.{name}; known: {', '.join(hints)}")
            plain = [kind for kind in getattr(hints[name], "__args__", ()) if isinstance(kind, type)]
            wanted = getattr(hints[name], "__origin__", None) or tuple(plain) or hints[name]
            if datetime in plain and isinstance(value, str):
                try:
                    values[name] = _moment(value)
                except ValueError as error:
                    raise WorldFileError(file, None, f"{section}.{name}: {error}") from error
            elif not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
                raise WorldFileError(file, None, f"{section}.{name} cannot be {value!r}")
        settings[section] = SECTIONS[section](**values)
    clock = settings.get("clock", ClockSettings())
    if clock.mode not in ("real", "fixed") or (clock.mode == "fixed" and clock.start is None):
        raise WorldFileError(file, None, "clock.mode is real, or fixed together with clock.start")
    return settings


def write_world(world: World, folder: Path) -> None:
    """Writes the folder that `load_world` reads back into an equal world. Overwrites the files of that name."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    for table, row_type in TABLES.items():
        names = list(_columns(row_type))
        with (folder / f"{table}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(names)
            writer.writerows([_cell(getattr(row, name)) for name in names] for row in getattr(world, table))
    lines = [f"name = {_toml(world.name)}"]
    for section in SECTIONS:
        part = getattr(world, section)
        values = [(each.name, getattr(part, each.name)) for each in fields(part)] if is_dataclass(part) else []
        lines += ["", f"[{section}]", *(f"{name} = {_toml(value)}" for name, value in values if value is not None)]
    (folder / "world.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, frozenset):
        return " ".join(sorted(value))
    return str(value)


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")  # which JSON allows, TOML not
    if isinstance(value, datetime):
        return f'"{_cell(value)}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    return str(value)
