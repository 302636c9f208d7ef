"""The embedded server dies without warning and is started again, as by `pg_ctl restart -m immediate`."""

import os
import signal
import time

from analytics_pipeline.database import embedded, server_guard


def restart_at_once(server: embedded.EmbeddedServer) -> None:
    """Returns once it takes connections again."""
    pid = server.status().pid
    assert pid is not None
    os.kill(pid, signal.SIGQUIT)
    while server_guard.is_alive(server.home):
        time.sleep(0.01)
    embedded.start(server.home, fast=True)  # one more share, which ends with this process
