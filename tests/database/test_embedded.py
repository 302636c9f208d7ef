"""The embedded server with real processes: paths, sharing, crashes, signals, root. Locks are waited for, not slept on."""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from analytics_pipeline.database import embedded

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another account run the server")

Start = Callable[[Path], embedded.EmbeddedServer]

USE = """
import sys
from pathlib import Path
from analytics_pipeline.database import embedded
server = embedded.start(Path(sys.argv[1]), fast=True)
print(server.status().pid, flush=True)
sys.stdin.read()
"""


def use_in_another_process(home: Path) -> "subprocess.Popen[str]":
    """A process that uses the server until its input ends."""
    words = [sys.executable, "-c", USE, str(home)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def pid_seen_by(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def wait_until_down(home: Path) -> None:
    """Waits for the lock that every process of PostgreSQL holds."""
    descriptor = os.open(home / "server", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.close(descriptor)


@contextlib.contextmanager
def no_guard(home: Path) -> Iterator[None]:
    """As a user of the server: the guard of an earlier one, late in ending, does not clear away what the block lays out."""
    users = os.open(home / "users", os.O_RDWR)
    fcntl.flock(users, fcntl.LOCK_SH)
    yield
    os.close(users)


def pretend_to_run(home: Path) -> None:
    """The file of a running server, with the pid of a process that is none."""
    lines = [os.getpid(), home / "data", 1, 5432, home / "socket", "", "", "ready"]
    (home / "data" / "postmaster.pid").write_text("".join(f"{line}\n" for line in lines))


def ask(server: embedded.EmbeddedServer, question: str, database: str = "postgres") -> object:
    with psycopg.connect(server.url(database), autocommit=True) as connection:
        row = connection.execute(question.encode()).fetchone()
        return row[0] if row else None


def remember(server: embedded.EmbeddedServer, number: int) -> None:
    with psycopg.connect(server.url("postgres")) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [number])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder on a path with a space and worse, made once."""
    home = tmp_path_factory.mktemp("a 'b' \"c\" %d") / "postgres"
    embedded.start(home, fast=True).stop()
    return home


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts servers, and stops what a failed test left."""
    servers: list[embedded.EmbeddedServer] = []

    def start(home: Path) -> embedded.EmbeddedServer:
        servers.append(embedded.start(home, fast=True))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def test_a_server_starts_stops_and_keeps_its_data(start: Start, home: Path) -> None:
    server = start(home)
    remember(server, 7)

    assert server.status() == embedded.ServerStatus(True, home / "data", server.socket_folder, server.status().pid)
    assert str(ask(server, "SHOW server_version")).startswith("18.")
    settings = {name: ask(server, f"SHOW {name}") for name in ("timezone", "server_encoding", "listen_addresses")}
    assert settings == {"timezone": "UTC", "server_encoding": "UTF8", "listen_addresses": ""}
    assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
    server.stop()
    server.stop()

    assert server.status() == embedded.ServerStatus(False, home / "data")
    assert not server.socket_folder.exists()
    again = start(home)
    assert ask(again, "SELECT number FROM kept") == 7
    again.stop()


def test_processes_that_start_at_once_share_one_server(tmp_path: Path) -> None:
    home = tmp_path / "new"  # so that they compete for making the data folder, too
    processes = [use_in_another_process(home) for _ in range(3)]

    pids = {pid_seen_by(process) for process in processes}
    assert len(pids) == 1
    for process in processes[:2]:
        process.communicate()
    assert embedded.status(home).pid in pids, "stopped while somebody used it"
    processes[2].communicate()
    assert embedded.status(home).running is False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_server_ends_with_its_last_user_however_that_ends(home: Path, how: signal.Signals) -> None:
    process = use_in_another_process(home)
    assert pid_seen_by(process) == embedded.status(home).pid

    process.send_signal(how)
    process.communicate()
    wait_until_down(home)

    assert embedded.status(home).running is False


def test_a_server_that_was_killed_is_replaced_without_loss(home: Path) -> None:
    first = embedded.start(home)
    second = None
    try:
        assert [ask(first, f"SHOW {name}") for name in ("fsync", "synchronous_commit", "full_page_writes")] == [
            "on"
        ] * 3
        with psycopg.connect(first.url("postgres")) as connection:
            # So big that its pages, and no log, are what the commit brings to the disk.
            connection.execute("CREATE TABLE before_the_crash AS SELECT n FROM generate_series(1, 300000) AS n")
        assert ask(first, "SHOW wal_level") == "minimal"
        pid = first.status().pid
        assert pid is not None
        process = os.pidfd_open(pid)
        signal.pidfd_send_signal(process, signal.SIGKILL)
        select.select([process], [], [])  # until it is gone
        os.close(process)

        second = embedded.start(home)

        assert second.status().pid != pid
        assert ask(second, "SELECT sum(n) FROM before_the_crash") == 300_000 * 300_001 / 2
        first.stop()
        assert second.status().running, "the first share ended, the second did not"
    finally:
        first.stop()
        if second:
            second.stop()


def test_what_a_crash_of_the_machine_leaves_behind_is_no_obstacle(start: Start, home: Path) -> None:
    """The pid in the file belongs to another program by now, the data folder was being made, the socket lies about."""
    with no_guard(home):
        pretend_to_run(home)
        (home / "data.new").mkdir()
        (home / "data.new" / "PG_VERSION").write_text("18")
        (home / "socket").mkdir()
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(os.path.relpath(home / "socket" / ".s.PGSQL.5432"))
        assert embedded.status(home).running is False

    server = start(home)

    assert ask(server, "SELECT 1") == 1
    server.stop()


def test_a_socket_on_which_nobody_serves_is_no_server(home: Path) -> None:
    """A child that the server had just made when it died holds the socket for a moment: it accepts, and never answers."""
    with no_guard(home), socket.socket(socket.AF_UNIX) as held:
        pretend_to_run(home)
        (home / "socket").mkdir()
        held.bind(os.path.relpath(home / "socket" / ".s.PGSQL.5432"))
        held.listen()
        closing = threading.Timer(0.05, held.shutdown, [socket.SHUT_RDWR])
        closing.start()
        running = embedded.status(home).running
        closing.join()
        shutil.rmtree(home / "socket")

    assert running is False


def test_a_forked_child_is_no_user_of_its_own(start: Start, home: Path) -> None:
    server = start(home)
    child = os.fork()
    if child == 0:
        server.stop()
        os._exit(0)
    os.waitpid(child, 0)

    assert server.status().running
    assert ask(server, "SELECT 1") == 1
    server.stop()


@pytest.mark.parametrize("name", ["x" * 100, "a,b"])
def test_a_path_that_cannot_be_the_path_of_a_socket(start: Start, tmp_path: Path, name: str) -> None:
    home = tmp_path / name

    server = start(home)

    assert not server.socket_folder.is_relative_to(home)
    assert stat.S_IMODE(server.socket_folder.stat().st_mode) == 0o700
    assert ask(server, "SELECT 1") == 1
    other = start(home)
    assert other.socket_folder == server.socket_folder
    other.stop()
    server.stop()
    assert not server.socket_folder.exists()


def test_a_server_that_cannot_start_says_why(home: Path) -> None:
    version = home / "data" / "PG_VERSION"
    before = version.read_text()
    version.write_text("9\n")
    try:
        with pytest.raises(embedded.EmbeddedServerError, match="PostgreSQL version 9"):
            embedded.start(home)
    finally:
        version.write_text(before)


def test_the_folder_of_another_account(home: Path) -> None:
    """As root: seen by the account `nobody`. Else: a folder that was closed to its owner, which comes to the same."""
    closed = home.parent
    mode = closed.stat().st_mode
    closed.chmod(0o700 if os.geteuid() == 0 else 0)
    user = os.geteuid()
    try:
        if user == 0:
            os.seteuid(65534)
        with pytest.raises(embedded.EmbeddedServerError, match="run as that one, or set ANALYTICS_HOME"):
            embedded.start(home)
    finally:
        os.seteuid(user)
        closed.chmod(mode)


@as_root
def test_root_lets_another_account_run_the_server_and_opens_no_folder(start: Start, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "home"
    before = {folder: folder.stat().st_mode for folder in home.parents}

    server = start(home)

    assert (home / "data").stat().st_uid != 0
    assert ask(server, "SELECT 1") == 1
    server.stop()
    assert {folder: folder.stat().st_mode for folder in home.parents} == before


@as_root
def test_root_without_the_right_to_pass_a_closed_folder_on(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (tmp_path / "open").mkdir()
    words = ["setpriv", "--bounding-set=-dac_override", sys.executable, "-c", USE, str(closed / "home")]

    result = subprocess.run(words, capture_output=True, text=True, check=False)

    assert (
        "EmbeddedServerError: PostgreSQL refuses to run as root, and the account `nobody` cannot enter" in result.stderr
    )


@as_root
def test_root_without_setpriv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(embedded.EmbeddedServerError, match=r"setpriv.*is missing: run as an ordinary user"):
        embedded.start(tmp_path / "home", fast=True)
