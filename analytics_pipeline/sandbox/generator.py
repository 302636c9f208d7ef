"""The demo world, invented from a seed."""

from datetime import datetime

from analytics_pipeline.sandbox.model import World


def generate_world(seed: int, now: datetime, businesses: int = 3, days: int = 120) -> World:
    """Placeholder until the generator is written."""
    return World(name=f"{seed}-{now}-{businesses}-{days}")
