"""The `fields=` language of the Graph API: `id,insights.metric(a,b){name,values},comments.limit(0).summary(true)`.

Here: parsing text to a tree. Not here: what the fields hold, nor which of them exist.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

_NAME = re.compile(r"\s*([A-Za-z0-9_]+)\s*")
_ARGUMENT = re.compile(r"[^()]*")


class FieldSyntaxError(ValueError):
    """The text is no field list; the message names the position as Graph does (code 2500)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One wanted field: its name, the arguments of its modifiers, and the fields wanted of what it holds."""

    name: str
    arguments: Mapping[str, str]
    children: tuple["Field", ...] = ()


@lru_cache(maxsize=4096)
def parse_fields(text: str) -> tuple[Field, ...]:
    """The fields of a `fields=` parameter, in order, each name once. Empty text = no fields asked for.

    Raises FieldSyntaxError where the text breaks off or goes on behind its end.
    """
    if not text.strip():
        return ()
    fields, position = _field_list(text, 0)
    if position != len(text):
        raise _syntax_error(text, position, "end of string")
    return fields


def _field_list(text: str, position: int) -> tuple[tuple[Field, ...], int]:
    fields: dict[str, Field] = {}
    while True:
        field, position = _field(text, position)
        fields[field.name] = field
        if text[position : position + 1] != ",":
            return tuple(fields.values()), position
        position += 1


def _field(text: str, position: int) -> tuple[Field, int]:
    name, position = _name(text, position)
    arguments: dict[str, str] = {}
    children: tuple[Field, ...] = ()
    while (mark := text[position : position + 1]) in (".", "{"):
        if mark == ".":
            modifier, position = _name(text, position + 1)
            position = _expect(text, position, "(")
            argument = _ARGUMENT.match(text, position)
            assert argument is not None  # the pattern matches the empty string as well
            arguments[modifier] = argument.group().strip()
            position = _expect(text, argument.end(), ")")
        else:
            children, position = _field_list(text, position + 1)
            position = _expect(text, position, "}")
        while text[position : position + 1].isspace():
            position += 1
    return Field(name, MappingProxyType(arguments), children), position


def _name(text: str, position: int) -> tuple[str, int]:
    found = _NAME.match(text, position)
    if found is None:
        raise _syntax_error(text, position, "field name")
    return found.group(1), found.end()


def _expect(text: str, position: int, mark: str) -> int:
    if text[position : position + 1] != mark:
        raise _syntax_error(text, position, mark)
    return position + 1


def _syntax_error(text: str, position: int, expected: str) -> FieldSyntaxError:
    found = text[position : position + 1] or "end of string"
    return FieldSyntaxError(f'Syntax error "Expected {expected} instead of "{found}"." at character {position}: {text}')
