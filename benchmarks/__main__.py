"""`python -m benchmarks`: the list of commands, one module per command."""

import typer

from benchmarks import backfill, calls, fetch, memory, rollup, ui_backfill

app = typer.Typer(
    help="Measures the pipeline on this machine, against simulated platforms and an embedded PostgreSQL of its own.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(fetch.fetch)
app.command()(calls.calls)
app.command()(memory.memory)
app.command()(backfill.backfill)
app.command(name="ui-backfill")(ui_backfill.ui_backfill)
app.command()(rollup.rollup)

if __name__ == "__main__":
    app(prog_name="python -m benchmarks")
