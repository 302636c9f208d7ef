"""`analytics-pipeline sandbox`: runs a world until Ctrl-C.

Not here: options of the command line (`cli/sandbox.py`).
"""

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path

from analytics_pipeline.sandbox.model import World
from analytics_pipeline.sandbox.server import SandboxServer
from analytics_pipeline.sandbox.world import generate_world, load_world, write_world


def run(world_folder: Path | None, host: str, port: int, seed: int, write_to: Path | None) -> None:
    """Serves `world_folder`, or a world made from `seed`, and prints the settings that point the pipeline at it.

    With `write_to` the world is first written to that folder. Returns on Ctrl-C or SIGTERM. Raises WorldFileError for a
    folder that cannot be read, OSError for a port that is taken. Call it from the main thread.
    """
    world = load_world(world_folder) if world_folder else generate_world(seed, datetime.now(UTC))
    if write_to is not None:
        write_world(world, write_to)
        print(f"Written to {write_to}")
    stop = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with SandboxServer(world, host=host, port=port) as sandbox:
            print(f"{_summary(world)}\nControl: {sandbox.url}/_sandbox/health · stop with Ctrl-C\n")
            print("\n".join(f"export {name}={value}" for name, value in sandbox.environment.items()), flush=True)
            stop.wait()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _summary(world: World) -> str:
    businesses = {account.business for account in world.accounts}
    return (
        f"World {world.name}: {len(businesses)} businesses, {len(world.accounts)} accounts, {len(world.posts)} posts, "
        f"{len(world.observations)} readings."
    )
