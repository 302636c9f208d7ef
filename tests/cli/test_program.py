"""The installed program, as the shell starts it: what happens before the command itself is imported."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from analytics_pipeline.settings import PROJECT_DIR

CATCHES_CTRL_C = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
"""As every program does whose parent does not ignore it, which a script's background does."""
CTRL_C = "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nraise SystemExit('Ctrl-C was ignored')\n"


def test_ctrl_c_during_the_imports_ends_it_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text(CTRL_C)  # among the first that the command imports
    scripts = tomllib.loads((PROJECT_DIR / "pyproject.toml").read_text())["project"]["scripts"]
    module, function = scripts["analytics-pipeline"].split(":")
    program = f"import sys; from {module} import {function}; sys.exit({function}())"
    started = subprocess.run(
        [sys.executable, "-c", f"{CATCHES_CTRL_C}; {program}", "status"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{PROJECT_DIR}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (started.returncode, started.stdout, started.stderr.strip()) == (130, "", "Stopped.")
