"""What a check of the installation found. Not here: the checks."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "failed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """`found` and `advice` (what to do, empty when nothing) are for people and hold no secret."""

    check: str
    state: State
    found: str
    advice: str = ""
