"""`analytics-pipeline dev`: the UI answers, its code location is loaded, its daemon ticks, and Ctrl-C leaves nothing."""

import os
import signal
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import generate_world
from tests.end_to_end.command_line import CommandLine

LOADED = """{ workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
    __typename ... on PythonError { message } ... on RepositoryLocation { repositories { sensors { name } } }
} } } } }"""
TICKED = """{ instance { daemonHealth { allDaemonStatuses { daemonType healthy } } } }"""


def wait_for(question: Callable[[], Any], process: Any, seconds: float = 120) -> Any:
    """The first answer that is not empty."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        assert process.poll() is None, process.communicate()
        if answer := question():
            return answer
        time.sleep(0.5)
    raise TimeoutError(process.communicate())


@pytest.mark.usefixtures("database_url")
def test_the_ui_opens_with_everything_running(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def ask(query: str) -> Any:
        try:
            return requests.post(f"http://127.0.0.1:{port}/graphql", json={"query": query}, timeout=10).json()["data"]
        except requests.ConnectionError:
            return None

    def location() -> Any:
        entries = (ask(LOADED) or {"workspaceOrError": {}})["workspaceOrError"].get("locationEntries") or []
        return entries[0]["locationOrLoadError"] if entries else None

    def unhealthy() -> list[str]:
        statuses = ask(TICKED)["instance"]["daemonHealth"]["allDaemonStatuses"]
        return [status["daemonType"] for status in statuses if not status["healthy"]]

    with SandboxServer(generate_world(1, datetime.now(UTC), businesses=1, days=2)) as sandbox:
        process = CommandLine(sandbox, tmp_path / "home").start("dev", "--port", str(port))
        try:
            loaded = wait_for(location, process)
            assert loaded["__typename"] == "RepositoryLocation", loaded
            assert "retry_due_units" in {s["name"] for r in loaded["repositories"] for s in r["sensors"]}
            wait_for(lambda: not unhealthy(), process)
            os.killpg(process.pid, signal.SIGINT)
            output, _ = process.communicate(timeout=60)
        finally:
            process.kill()
    assert "Stopping" in output
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}", timeout=5)
