"""`dev`: the Dagster UI, its daemon and the code location on the pipeline's data, until Ctrl-C."""

import contextlib
import os
import signal
import subprocess
import sys
from typing import Annotated

import typer
from rich.text import Text

from analytics_pipeline.cli.console import console
from analytics_pipeline.cli.ports import refuse_unless_free

_PATIENCE_SECONDS = 20


def dev(
    host: Annotated[str, typer.Option(help="Address to listen on. Dagster has no login: keep it local.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the UI.")] = 3000,
) -> None:
    """Open the Dagster UI with schedules and sensors running. After a demo, its sandbox is served too."""
    from analytics_pipeline.assets.analytics_summaries import parsed_for_runs
    from analytics_pipeline.cli import demo_data
    from analytics_pipeline.database import engine
    from analytics_pipeline.settings import PROJECT_DIR

    refuse_unless_free(host, port)  # Dagster would go on without its UI
    engine.upgrade()
    parsed_for_runs()
    with demo_data.last_sandbox() as sandbox:
        if sandbox is not None:
            console.print(f"Demo data: the simulated platforms are served at {sandbox.url}")
        console.print(Text.assemble("Dagster UI: ", (f"http://{host}:{port}", "bold"), "  (Ctrl-C stops everything)"))
        # Set before the child starts: what is caught here is default there, what is ignored here would stay ignored.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        # -W: Dagster recommends another command in place of this one, which is no business of the user's.
        command = [sys.executable, "-W", "ignore", "-m", "dagster", "dev", "-w", "workspace.yaml"]
        process = subprocess.Popen(
            [*command, "-h", host, "-p", str(port), "--log-level", "warning"], cwd=PROJECT_DIR, start_new_session=True
        )
        code = 0
        try:
            code = process.wait()
        except KeyboardInterrupt:
            console.print("Stopping …")
        finally:
            _end(process)
    raise typer.Exit(code)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Ends `dagster dev` in good order, then whatever it left of its webserver, daemon, code servers and runs."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
