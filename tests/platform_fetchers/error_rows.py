"""A row of an error table, fired at a fetcher: what the two platforms with tables of one form have in common."""

from typing import Any

import pytest

from analytics_pipeline.platform_fetchers.base import BasePlatformFetcher
from analytics_pipeline.platform_fetchers.exceptions import PlatformAPIError
from tests.platform_fetchers.platform_server import Answer, PlatformServer


def fired(
    server: PlatformServer,
    fetcher: BasePlatformFetcher,
    platform_post_id: str,
    row: tuple[int, Any, type[PlatformAPIError], str],
) -> PlatformAPIError:
    """What reading a post raises when the platform answers with this row: status, JSON (None: a page of HTML).

    It must be the row's error, of its class.
    """
    status, json, error, error_class = row
    server.script(Answer(status, body=b"<html>gateway</html>") if json is None else Answer(status, json))
    with pytest.raises(error) as caught:
        fetcher.fetch_post_analytics("77", platform_post_id)
    fetcher.close()
    assert (type(caught.value), caught.value.error_class) == (error, error_class)
    assert (caught.value.platform, caught.value.status_code) == (fetcher.platform, status)
    return caught.value
