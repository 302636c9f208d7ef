"""Mutants of `mutants.py` that no test can find, and why: (model or macro, the changed line) → the reason."""

EQUAL: dict[tuple[str, str], str] = {}
