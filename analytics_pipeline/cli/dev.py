"""`dev`: the Dagster UI, its daemon and the code location on the pipeline's data, until Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from analytics_pipeline.cli.console import console

_PATIENCE_SECONDS = 20


def dev(
    host: Annotated[str, typer.Option(help="Address to listen on. Dagster has no login: keep it local.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the UI.")] = 3000,
) -> None:
    """Open the Dagster UI with schedules and sensors running. After a demo, its sandbox is served too."""
    from analytics_pipeline.cli import demo_data
    from analytics_pipeline.database import engine
    from analytics_pipeline.runs import prepare_dagster_home
    from analytics_pipeline.settings import PROJECT_DIR

    engine.upgrade()
    prepare_dagster_home()
    with demo_data.last_sandbox() as sandbox:
        if sandbox is not None:
            console.print(f"Demo data: the simulated platforms are served at {sandbox.url}")
        console.print(f"Dagster UI: [bold]http://{host}:{port}[/]  (Ctrl-C stops everything)")
        command = [str(Path(sys.executable).with_name("dagster")), "dev", "-w", str(PROJECT_DIR / "workspace.yaml")]
        process = subprocess.Popen(  # our own command
            [*command, "-h", host, "-p", str(port), "--log-level", "warning"], cwd=PROJECT_DIR, start_new_session=True
        )

        def pass_on(_number: int, _frame: FrameType | None) -> None:
            process.send_signal(signal.SIGINT)

        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, pass_on)
        try:
            code = process.wait()
        finally:
            _end_group(process)
    raise typer.Exit(0 if code in (0, -signal.SIGINT) else code)


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Ends what `dagster dev` may have left of its webserver, daemon, code servers and runs."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            return
        try:
            process.wait(_PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            continue
