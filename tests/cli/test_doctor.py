"""The doctor as a person and a program call it: a process of its own, on real servers."""

import json
from pathlib import Path

from sqlalchemy import Engine

from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import World
from tests.end_to_end.command_line import CommandLine

CANARY = "canary7d1f"


def test_an_installation_in_order_and_one_that_is_not(engine: Engine, tmp_path: Path) -> None:
    with SandboxServer(World("empty", [], [], [])) as sandbox:
        in_order = CommandLine(sandbox, tmp_path / "home")
        findings = {finding["check"]: finding for finding in json.loads(in_order.run("doctor", "--json"))}
        assert {finding["state"] for check, finding in findings.items() if check != "Dagster daemon"} == {"ok"}
        assert list(findings) == [
            "settings", "database", "clock", "tables", "encryption key", "dagster.yaml", "Dagster storage",
            "Dagster daemon", "dbt", "alerts", "platforms", "API versions",
        ]  # fmt: skip
        assert findings["Dagster daemon"]["state"] == "warning"
        assert [(request.method, request.account) for request in sandbox.requests] == [("HEAD", None)] * 4

        broken = CommandLine(
            sandbox,
            tmp_path / "home",
            DATABASE_URL=f"postgresql://us:{CANARY}@127.0.0.1:1/analytics",
            ALERT_URLS=f"json://{CANARY}/x",
            ANALYTICS_ENCRYPTION_KEY=CANARY,
        )
        shown = broken.run("doctor", status=1)
    assert " failed  database: cannot use database 'analytics' on 127.0.0.1 as us" in shown
    assert "1 failed, 0 warnings." in shown
    assert "Dagster storage" not in shown, "it stands on the same server"
    assert CANARY not in shown


def test_settings_that_cannot_be_read_stop_it(engine: Engine, tmp_path: Path) -> None:
    with SandboxServer(World("empty", [], [], [])) as sandbox:
        command = CommandLine(sandbox, tmp_path / "home", SYNC_THREADS=CANARY)
        (finding,) = json.loads(command.run("doctor", "--json", status=1))
    assert (finding["check"], finding["state"], finding["advice"]) == (
        "settings",
        "failed",
        "mend or unset SYNC_THREADS",
    )
    assert CANARY not in str(finding)
