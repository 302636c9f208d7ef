"""`sandbox`: serve the simulated platforms, for trying out, tests and benchmarks."""

from pathlib import Path
from typing import Annotated

import typer

from analytics_pipeline.cli.ports import refuse_unless_free


def sandbox(
    world: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of a world; without it one is generated."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")] = 8900,
    seed: Annotated[int | None, typer.Option(help="Seed of the generated world; 1 without it.")] = None,
    write_to: Annotated[Path | None, typer.Option(file_okay=False, help="Also write the world to this folder.")] = None,
) -> None:
    """Serve LinkedIn, X, Facebook and Instagram over HTTP from a folder of CSV files, until Ctrl-C."""
    from analytics_pipeline.sandbox.command import run
    from analytics_pipeline.sync.errors import InvalidRequestError

    if world is not None and seed is not None:
        raise InvalidRequestError("give --world or --seed, not both: a world is made from a seed")
    refuse_unless_free(host, port)
    run(world, host, port, 1 if seed is None else seed, write_to)
