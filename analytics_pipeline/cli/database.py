"""`analytics-pipeline db`: bring the tables up to date, say where the data is, let others read the marts."""

import typer

from analytics_pipeline.cli.console import console, errors

app = typer.Typer(help="The database: where it is, and its tables.", no_args_is_help=True)


@app.command()
def upgrade() -> None:
    """Create the database if there is none, bring its tables to the newest version, and parse the summaries for it."""
    from analytics_pipeline.assets.analytics_summaries import parsed_for_runs
    from analytics_pipeline.database import engine

    engine.upgrade()
    parsed_for_runs()
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
    from analytics_pipeline.settings import get_settings

    location = engine.dagster_database_url() if dagster else engine.database_url()
    if get_settings().database_url is None:
        engine.create_database_if_missing(location)  # else a backup cannot be restored into a new installation
    typer.echo(engine.libpq_url(location))
    if keep:
        import contextlib
        import signal

        errors.print("[dim]Serving until Ctrl-C.[/]")
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


@app.command("grant-reader")
def grant_reader() -> None:
    """Let the role analytics_reader read the marts and nothing else; it is made when there is none."""
    from analytics_pipeline.database import engine, reader

    engine.upgrade()
    marts = reader.grant_reader(engine.get_engine())
    console.print(f"{reader.READER} may read {', '.join(marts) or 'no mart yet'}, and each mart that dbt builds anew.")
    console.print(f"On a server of your own give it a password (psql: \\password {reader.READER}), or its rights to")
    console.print(f"those who have a role of theirs: GRANT {reader.READER} TO somebody.")


@app.command()
def dictionary() -> None:
    """Print the page docs/data-dictionary.md: every column of the marts with its meaning and unit."""
    import json

    from analytics_pipeline.assets.analytics_summaries import manifest_path
    from analytics_pipeline.cli.dictionary import page

    typer.echo(page(json.loads(manifest_path().read_text())), nl=False)
