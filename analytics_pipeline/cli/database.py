"""`analytics-pipeline db`: bring the tables up to date, say where the data is."""

import typer

from analytics_pipeline.cli.console import console

app = typer.Typer(help="The database: where it is, and its tables.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Create the database if there is none, and bring its tables to the newest version."""
    from analytics_pipeline.database import engine

    engine.upgrade()
    console.print("The tables are up to date.")


@app.command()
def url(
    dagster: bool = typer.Option(False, "--dagster", help="Dagster's own database instead of the analytics."),
    keep: bool = typer.Option(
        False, "--keep", help="Keep the embedded server running until Ctrl-C, for psql or a BI tool."
    ),
) -> None:
    """Print the URL of the data, for psql or a BI tool. With a password in DATABASE_URL, it is printed too."""
    from analytics_pipeline.database import engine

    location = engine.dagster_database_url() if dagster else engine.database_url()
    typer.echo(engine.libpq_url(location))
    if keep:
        import signal

        console.print("[dim]Serving until Ctrl-C.[/]")
        signal.pause()
