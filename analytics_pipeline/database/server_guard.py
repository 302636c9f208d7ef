"""What a running embedded server is: its locks, the file that describes it, how it is stopped; and the guard process.

Only the standard library is imported, because the guard runs this file alone. Not here: starting (`embedded.py`).

Locks (flock: the kernel lets go of them however a process ends), all in the server's folder `home`:
`lock`    held while somebody starts the server;
`users`   shared by every process that uses the server, exclusive to the one that stops it;
`server`  inherited by the PostgreSQL processes themselves: while it is taken, the server lives.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PORT = 5432
"""Part of the socket's name only: the server does not listen on TCP."""
POLL_SECONDS = 0.005
_STOP_SECONDS = 30.0
_ANSWER_SECONDS = 5.0
_SSL_REQUEST = struct.pack("!ii", 8, 80877103)
"""The one message that a server answers (with a byte) before it asks who is there: PostgreSQL, "SSL Session
Encryption" of the message flow of its protocol."""


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What the server has written to its `postmaster.pid`. `ready` may be left from a server that crashed."""

    pid: int
    socket_folder: Path
    ready: bool

    def answers(self) -> bool:
        """Whether connections are served now.

        A connection alone says nothing: a child that the server had just made when it died may hold the socket.
        """
        if not self.ready:
            return False
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(_ANSWER_SECONDS)
            try:
                probe.connect(str(self.socket_folder / f".s.PGSQL.{PORT}"))
                probe.sendall(_SSL_REQUEST)
                return bool(probe.recv(1))
            except OSError:
                return False


def read_postmaster(home: Path) -> Postmaster | None:
    """The server's own description; None while there is none or it is being written."""
    try:
        lines = (home / "data" / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    if len(lines) < 8:
        return None
    return Postmaster(int(lines[0]), Path(lines[4]), lines[7].strip() == "ready")


def open_lock(path: Path) -> int:
    """A descriptor to lock, of a file that is made when missing."""
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Alone in the block, among all processes and threads."""
    descriptor = open_lock(path)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def is_alive(home: Path) -> bool:
    """Whether any PostgreSQL process of this folder lives: surer than a pid, which another program may have by now."""
    descriptor = open_lock(home / "server")
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two who look do not see each other
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def shut_down(home: Path) -> None:
    """Ask the server to stop, dropping its connections, and wait for it. The caller holds `users` exclusively."""
    for how in (signal.SIGINT, signal.SIGQUIT):
        known = read_postmaster(home)
        if known and is_alive(home):
            with contextlib.suppress(ProcessLookupError):  # gone just now
                os.kill(known.pid, how)
        deadline = time.monotonic() + _STOP_SECONDS
        while is_alive(home) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        if known:
            shutil.rmtree(known.socket_folder, ignore_errors=True)


def guard(home: Path, command: Sequence[str]) -> None:
    """Run the server in the background, and stop it once no process uses it any more, however those ended.

    Returns at once. The guard is also the server's parent, so that no process of the pipeline has to reap it.
    """
    server = open_lock(home / "server")
    fcntl.flock(server, fcntl.LOCK_EX)
    users = open_lock(home / "users")
    if os.fork():
        return
    os.setsid()  # Ctrl-C at the terminal is meant for those who use the server, not for the server
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(home / "server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for stream, target in ((0, nothing), (1, log), (2, log)):
        os.dup2(target, stream)
    process = subprocess.Popen(command, pass_fds=[server])
    os.close(server)
    fcntl.flock(users, fcntl.LOCK_EX)
    shut_down(home)
    process.wait()


if __name__ == "__main__":
    guard(Path(sys.argv[1]), sys.argv[2:])
