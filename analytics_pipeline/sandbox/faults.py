"""Scripted faults: what the next matching requests suffer instead of, or on top of, the platform's answer.

Here: the script and which request it hits. Not here: how bytes are torn on the wire (server.py).
"""

from dataclasses import asdict, dataclass, field, fields
from threading import Lock
from typing import Any

from pydantic import TypeAdapter, ValidationError

from analytics_pipeline.sandbox.platforms import PLATFORMS

KINDS = {
    "status": "the platform's own error body for `status` (429, 5xx …), with `retry_after` as that header if given",
    "reply": "exactly `status`, `body` and `headers`",
    "html": "200 with a page of HTML",
    "redirect": "302 to `location`",
    "huge_body": "200 with `size` bytes of JSON",
    "reset": "the connection is reset before any byte",
    "cut_body": "the platform's answer, half of it, then the connection is closed",
    "slow_body": "the platform's answer, its first half at once and the rest spread over `seconds`",
    "delay": "the platform's answer `seconds` after the request came",
}


@dataclass(slots=True)
class Fault:
    """One line of the script. Blank selectors match everything; `times` 0 = for ever, `skip` lets some pass first.

    Raises ValueError for an unknown kind or platform, and a status that HTTP does not have.
    `external_id` selects the account whose token the request carries.
    """

    kind: str
    platform: str = ""
    external_id: str = ""
    path_contains: str = ""
    times: int = 1
    skip: int = 0
    status: int = 503
    retry_after: str = ""
    seconds: float = 1.0
    size: int = 50_000_000
    location: str = "http://redirected.invalid/"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {self.kind!r}; known: {', '.join(KINDS)}")
        if self.platform not in ("", *PLATFORMS):
            raise ValueError(f"unknown platform {self.platform!r}; known: {', '.join(PLATFORMS)}")
        if not 100 <= self.status <= 599:
            raise ValueError(f"{self.status} is no status of HTTP")

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> "Fault":
        """From the JSON of `POST /_sandbox/faults`. Raises ValueError with the name of a wrong field."""
        known = {each.name for each in fields(cls)}
        if unknown := sorted(values.keys() - known):
            raise ValueError(f"unknown field {unknown[0]!r}; known: {', '.join(sorted(known))}")
        if "kind" not in values:
            raise ValueError("a fault needs a kind")
        try:
            return TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            reasons = [[*map(str, e["loc"]), e["msg"].removeprefix("Value error, ")] for e in error.errors()]
            raise ValueError("; ".join(map(": ".join, reasons))) from None

    def as_mapping(self) -> dict[str, Any]:
        return asdict(self)


class FaultScript:
    """The faults still to come. Thread-safe: tests write while the server reads."""

    def __init__(self, faults: list[Fault]) -> None:
        self._lock = Lock()
        self._lines: list[tuple[Fault, list[int]]] = []
        for fault in faults:
            self.add(fault)

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._lines.append((fault, [0]))

    def clear(self) -> None:
        with self._lock:
            self._lines.clear()

    def next_for(self, platform: str, external_id: str | None, path: str) -> Fault | None:
        """The first line of the script that hits this request; it is used up by `times` hits."""
        if not self._lines:
            return None
        with self._lock:
            for fault, matched in self._lines:
                if (
                    fault.platform not in ("", platform)
                    or fault.external_id not in ("", external_id)
                    or fault.path_contains not in path
                ):
                    continue
                spent = fault.times and matched[0] >= fault.skip + fault.times
                if spent:
                    continue
                matched[0] += 1
                if matched[0] > fault.skip:
                    return fault
        return None
