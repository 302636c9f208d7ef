"""Batches that a platform refuses: one bad post must not cost the others.

Here: cutting a list, finding the culprit by halves. Not here: how a batch is sent or read.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from analytics_pipeline.platform_fetchers.exceptions import (
    ConfigurationError,
    PlatformAPIError,
    PostNotFoundError,
    VersionError,
)
from analytics_pipeline.platform_fetchers.metrics import PostReading

_REFUSALS_TO_GIVE_UP: Final = 3


def chunks(ids: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    """`ids` in order, in pieces of at most `size`."""
    return (ids[start : start + size] for start in range(0, len(ids), size))


def read_in_halves(
    ids: Sequence[str], read: Callable[[Sequence[str]], list[PostReading]]
) -> tuple[list[PostReading], PlatformAPIError | None]:
    """The readings of a batch, and what ended it early; one that is refused (400, 404) is halved to the single culprit.

    The culprit's reading carries the refusal. When the first few posts on their own are refused as well, it is not
    about the posts: it ends with a ConfigurationError rather than to spend a call on each.
    """
    readings: list[PostReading] = []
    pending, refused, accepted = [ids], 0, False
    while pending:
        batch = pending.pop()
        try:
            readings += read(batch)
            accepted = True
        except PlatformAPIError as error:
            of_posts = isinstance(error, ConfigurationError | PostNotFoundError) and not isinstance(error, VersionError)
            if not of_posts or error.status_code not in (400, 404):
                return readings, error
            if len(batch) > 1:
                middle = len(batch) // 2
                pending += [batch[middle:], batch[:middle]]
                continue
            refused += 1
            if refused == _REFUSALS_TO_GIVE_UP and pending and not accepted:
                return [], ConfigurationError(error.message, error.platform, error.status_code)
            readings.append(PostReading(batch[0], None, error))
    return readings, None
