"""The platforms that the sandbox simulates."""

from typing import Literal

Platform = Literal["linkedin", "twitter", "facebook", "instagram"]
PLATFORMS: tuple[Platform, ...] = ("linkedin", "twitter", "facebook", "instagram")
