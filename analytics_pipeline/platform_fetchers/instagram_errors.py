"""What Instagram's errors mean: its rows in front of the Graph API's table.

Source: platforms/instagram.md §5. Not here: what is done about an error (instagram.py).
"""

import re
from collections.abc import Sequence
from typing import Final

from analytics_pipeline.platform_fetchers.exceptions import ConfigurationError, MetricError, PermissionDeniedError
from analytics_pipeline.platform_fetchers.graph_errors import GRAPH_ERRORS, ErrorRow

_PLACE: Final = re.compile(r"metric\[(\d+)\]")


def culprit_of(refusal: MetricError, asked: Sequence[str]) -> str | None:
    """The metric that an error blames, by name or by its place in the list; None if none of those asked for."""
    place = _PLACE.fullmatch(refusal.metric or "")
    if place:
        return asked[int(place[1])] if int(place[1]) < len(asked) else None
    return refusal.metric if refusal.metric in asked else None


class NoInsightsError(MetricError):
    """There are no insights of this media, and never will be: posted before the account became a business."""


class TooFewViewersError(NoInsightsError):
    """The insights of this story are withheld: fewer than five people saw it."""


def refuses_metric(reply: object) -> bool:
    """Whether a reply is a verdict on its metric: media that have no insights at all tell nothing of one."""
    return isinstance(reply, MetricError) and not isinstance(reply, NoInsightsError)


class NoBatchesError(ConfigurationError):
    """The host takes no batches."""


INSTAGRAM_ERRORS: Final = (
    ErrorRow(NoInsightsError, subcode=2108006),
    ErrorRow(TooFewViewersError, (10,), text="not enough viewers"),
    ErrorRow(MetricError, (100, 200), 2207086),
    ErrorRow(MetricError, (200,), text=r"(facebook_views|total_views|crossposted_views)"),
    ErrorRow(MetricError, (100,), text=r"does not support the (\w+) metric"),
    ErrorRow(MetricError, (100,), text=r"metric (\w+) is not supported"),
    ErrorRow(MetricError, (100,), text=r"the (\w+) metric is no longer supported"),
    ErrorRow(MetricError, (100,), text=r"(metric\[\d+\]) must be one of"),
    ErrorRow(NoBatchesError, (100,), text="unsupported request - method type: post"),
    ErrorRow(
        PermissionDeniedError,
        (100,),
        text="unsupported request - method type",
        hint="The account has not accepted the role of Instagram Tester, or the app is not live.",
    ),
    ErrorRow(
        PermissionDeniedError,
        (10,),
        hint="Connect the account again and grant instagram_basic, instagram_manage_insights and "
        "pages_read_engagement, or with Instagram login instagram_business_basic and "
        "instagram_business_manage_insights.",
    ),
    *GRAPH_ERRORS,
)
"""The table of instagram.md §5, then that of facebook.md §5. The first row that covers an error decides."""
