"""The command `analytics-pipeline`.

Here: the commands' tree and how errors are shown. Not here: the commands (one module per subject). Modules that need
seconds to import are imported by the commands that need them, so that `--help` is quick.
"""

import signal
import sys

import typer

from analytics_pipeline import logs
from analytics_pipeline.cli import (
    accounts,
    backfill,
    database,
    demo,
    dev,
    doctor,
    platforms,
    purge,
    report,
    sandbox,
    status,
    sync,
)
from analytics_pipeline.cli.console import errors, explained, fail

app = typer.Typer(
    help="Collects how a business's social posts perform, keeps the history, and rolls it up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(demo.demo)
app.command()(dev.dev)
app.command()(doctor.doctor)
app.command()(sync.sync)
app.command("sync-post")(sync.sync_post)
app.command()(status.status)
app.command()(report.report)
app.command()(purge.purge)
app.command()(backfill.backfill)
app.command()(platforms.platforms)
app.command()(sandbox.sandbox)
app.add_typer(accounts.app, name="accounts")
app.add_typer(database.app, name="db")


def main() -> None:
    """Entry point: runs a command; what a person can mend is one line on standard error and exit status 1."""
    logs.configure()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a stopped service ends as by Ctrl-C, in good order
    try:
        app()
    except SystemExit as end:
        if end.code == 128 + signal.SIGINT:  # what typer makes of Ctrl-C
            errors.print("[yellow]Stopped.[/] What was finished is stored.")
        raise
    except Exception as error:
        message = explained(error)
        if message is None:
            raise
        fail(message)
        sys.exit(1)
