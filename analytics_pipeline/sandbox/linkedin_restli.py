"""Rest.li 2.0 query strings: `List(…)`, `(name:value,…)`, percent-encoded leaves (linkedin.md §3).

Not here: what a parameter means.
"""

from urllib.parse import unquote

Value = str | list["Value"] | dict[str, "Value"]


class RestliSyntaxError(ValueError):
    """The query is no Rest.li 2.0."""


def parse_query(raw_query: str) -> dict[str, Value]:
    """Parameter → decoded value. Raises RestliSyntaxError.

    The structure may come raw, as documented, or encoded altogether, as some clients send it. In a raw structure a
    leaf with a bare `:` is refused, as LinkedIn does with unencoded URNs. A repeated parameter is refused.
    """
    query: dict[str, Value] = {}
    for pair in filter(None, raw_query.split("&")):
        name, _, raw = pair.partition("=")
        name = unquote(name)
        if name in query:
            raise RestliSyntaxError(f"{name} stands there twice")
        query[name] = parse_value(raw)
    return query


def parse_value(raw: str) -> Value:
    """One value as it stands in the query."""
    raw = raw.replace("+", " ")
    if raw.startswith(("List(", "(")):
        return _parse_structure(raw, bare_colons=False)
    decoded = unquote(raw)
    if decoded.startswith(("List(", "(")) and decoded.endswith(")"):
        return _parse_structure(decoded, bare_colons=True)
    return decoded


def _parse_structure(text: str, bare_colons: bool) -> Value:
    value, end = _value(text, 0, bare_colons)
    if end != len(text):
        raise RestliSyntaxError(f"unexpected {text[end]!r} at {end}")
    return value


def _value(text: str, at: int, bare_colons: bool) -> tuple[Value, int]:
    if text.startswith("List(", at):
        return _items(text, at + 5, bare_colons)
    if text.startswith("(", at):
        return _members(text, at + 1, bare_colons)
    end = at
    while end < len(text) and text[end] not in ",()":
        end += 1
    leaf = text[at:end]
    if not leaf or (":" in leaf and not bare_colons):
        raise RestliSyntaxError(f"bad value {leaf!r} at {at}")
    return unquote(leaf), end


def _items(text: str, at: int, bare_colons: bool) -> tuple[Value, int]:
    items: list[Value] = []
    if text.startswith(")", at):
        return items, at + 1
    while True:
        item, at = _value(text, at, bare_colons)
        items.append(item)
        at, done = _separator(text, at)
        if done:
            return items, at


def _members(text: str, at: int, bare_colons: bool) -> tuple[Value, int]:
    members: dict[str, Value] = {}
    while True:
        colon = text.find(":", at)
        name = text[at:colon] if colon > at else ""
        if not name.isalnum():
            raise RestliSyntaxError(f"a name and a colon are expected at {at}")
        members[name], at = _value(text, colon + 1, bare_colons)
        at, done = _separator(text, at)
        if done:
            return members, at


def _separator(text: str, at: int) -> tuple[int, bool]:
    if at >= len(text) or text[at] not in ",)":
        raise RestliSyntaxError(f"a comma or closing parenthesis is expected at {at}")
    return at + 1, text[at] == ")"
