"""A run worker: a process that carries out one Dagster run, started quickly, and killed as the test likes.

It does what `backfill` does for one range of days. `forkserver`: the imports, which take seconds, are made once.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from datetime import date

forkserver = multiprocessing.get_context("forkserver")
"""Processes that begin with the imports done."""
forkserver.set_forkserver_preload(["analytics_pipeline.definitions", "analytics_pipeline.runs"])
PATIENCE = 60.0


def _work(environment: Mapping[str, str], platform: str, first: date, last: date) -> None:
    os.environ.clear()
    os.environ.update(environment)
    from analytics_pipeline import runs
    from analytics_pipeline.settings import get_settings

    get_settings.cache_clear()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as the command line does
    with runs.dagster_instance() as instance:
        result = runs.run_days(instance, platform, first, last)
    sys.exit(0 if result.success else 1)


class Worker:
    """One process with one run over `first` to `last`."""

    def __init__(self, environment: Mapping[str, str], first: date, last: date, platform: str = "linkedin") -> None:
        self.process = forkserver.Process(target=_work, args=(dict(environment), platform, first, last), daemon=True)
        self.process.start()

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal."""
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def end(self) -> int:
        """Waits for the end of the process and gives its exit status, negative after a signal."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        assert code is not None, "the worker does not end"
        return code
