"""`analytics-pipeline` as a child process, on the test's database and a sandbox.

Not here: worlds, what is expected of a command.
"""

import os
import subprocess
import sys
from pathlib import Path

from analytics_pipeline.sandbox.server import SandboxServer

_COMMAND = str(Path(sys.executable).with_name("analytics-pipeline"))


class CommandLine:
    """Starts the command with the settings of the test; `home` is its ANALYTICS_HOME."""

    def __init__(self, sandbox: SandboxServer, home: Path, **environment: str) -> None:
        self.home = home
        self._environment = (
            os.environ | sandbox.environment | {"ANALYTICS_HOME": str(home), "COLUMNS": "200"} | environment
        )

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """A running command, in a process group of its own."""
        return subprocess.Popen(
            [_COMMAND, *arguments],
            env=self._environment,
            cwd="/",  # from wherever it is called
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, status: int = 0) -> str:
        """Standard output of a command that must end with this exit status."""
        process = self.start(*arguments)
        output, errors = process.communicate()
        assert process.returncode == status, f"{arguments} ended with {process.returncode}:\n{output}\n{errors}"
        return output
