"""Places in a database where a process waits until the test lets it go on, so that it is provably there when it dies.

A gate is a trigger that takes an advisory lock which the test holds. Nothing of the pipeline knows of it.
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql

_SPACE = 0x7E57
_numbers = itertools.count(1)
PATIENCE = 60.0


@dataclass(frozen=True)
class Gate:
    """`connection` holds the gate's lock as long as it is shut."""

    connection: "psycopg.Connection[Any]"
    number: int
    table: LiteralString

    def await_arrival(self, patience: float = PATIENCE) -> None:
        """Returns once somebody waits at the gate."""
        deadline = time.monotonic() + patience
        query = "SELECT count(*) FROM pg_locks WHERE classid = %s AND objid = %s AND NOT granted"
        while True:
            waiting = self.connection.execute(query, [_SPACE, self.number]).fetchone()
            if waiting and waiting[0]:
                return
            assert time.monotonic() < deadline, f"nobody comes to the gate at {self.table}"
            time.sleep(0.01)

    def forget_the_dead(self) -> None:
        """Whoever waits here is rolled back, as the server itself does once it notices that the client is gone."""
        self.connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE classid = %s AND objid = %s AND NOT granted",
            [_SPACE, self.number],
        )

    def open(self) -> None:
        """Lets everybody pass from now on."""
        self.connection.execute("SELECT pg_advisory_unlock_all()")
        self.connection.execute(
            sql.SQL("DROP TRIGGER IF EXISTS {} ON {}").format(
                sql.Identifier(f"gate_{self.number}"), sql.Identifier(self.table)
            )
        )


@contextmanager
def gate(url: str, table: LiteralString, when: LiteralString) -> Iterator[Gate]:
    """Shut. `when` are the words of CREATE TRIGGER between name and function, with `{table}` for the table."""
    number = next(_numbers)
    name = sql.Identifier(f"gate_{number}")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s, %s)", [_SPACE, number])
        connection.execute(
            sql.SQL(
                "CREATE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS"
                " 'BEGIN PERFORM pg_advisory_xact_lock_shared({}, {}); RETURN NEW; END'"
            ).format(name, sql.Literal(_SPACE), sql.Literal(number))
        )
        event, _, rest = when.partition(" {table}")
        constraint = sql.SQL("CONSTRAINT " if "DEFERRED" in rest else "")
        connection.execute(
            sql.SQL("CREATE {}TRIGGER {} {} {} {} EXECUTE FUNCTION {}()").format(
                constraint, name, sql.SQL(event), sql.Identifier(table), sql.SQL(rest), name
            )
        )
        found = Gate(connection, number, table)
        try:
            yield found
        finally:
            with suppress(psycopg.OperationalError):  # a server that was restarted keeps no gate shut
                found.open()
