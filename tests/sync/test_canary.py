"""No secret in any text: platforms that say back all that they were sent, and every log, event, report and table searched.

The secrets are planted as access tokens, refresh tokens and client secrets of four accounts, and are looked for in plain,
percent-encoded and base64 form. Not here: the texts of single exceptions (tests/platform_fetchers).
"""

import base64
import json
import logging
from collections.abc import Callable, Iterator
from datetime import date
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import dagster as dg
import pytest
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from analytics_pipeline.assets.post_analytics import post_analytics_asset
from analytics_pipeline.assets.published_posts import published_posts_asset
from analytics_pipeline.automation.ranges import range_tags
from analytics_pipeline.resources import DatabaseResource
from tests.platform_fetchers.platform_server import Answer, PlatformServer, Request
from tests.sync.token_world import IDS, NOW, SECRET, TokenWorld, running

FIRST, LAST = date(2026, 9, 29), date(2026, 9, 30)
PLANTED = [f"CANARY-{kind}-{platform}" for kind in ("access", "refresh") for platform in IDS] + [SECRET]
FORMS = {
    form
    for secret in [*PLANTED, f"app:{SECRET}"]
    for form in (secret, quote(secret, safe=""), base64.b64encode(secret.encode()).decode())
}


def everything(request: Request) -> str:
    """All that the request said, as a careless platform would repeat it."""
    return f"{request.method} {request.target} {json.dumps(request.headers)} {request.body.decode()}"


def refusal(status: int) -> Callable[[Request], Answer]:
    """A refusal in the envelopes of all platforms at once."""

    def answer(request: Request) -> Answer:
        said = everything(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ") or request.query.get(
            "access_token", ""
        )
        envelope = {
            "message": f"{said} token {token}",
            "code": token,
            "title": said,
            "detail": said,
            "type": f"https://api.x.com/2/problems/{token}",
            "errors": [{"message": token, "detail": said, "type": f"x/{token}", "resource_id": token, "code": token}],
            "error": {"message": said, "type": token, "code": 1, "error_user_msg": token, "fbtrace_id": token},
            "error_description": said,
            "status": status,
        }
        return Answer(status, envelope, headers={"X-Echo": token, "Retry-After": token, "WWW-Authenticate": said[:900]})

    return answer


def figures(request: Request) -> Answer:
    """Good replies with tokens where numbers belong."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    posts = {"share": "urn:li:share:7301000000000000001", "id": "1970000000000000001"}
    row = {
        **posts,
        "totalShareStatistics": {"likeCount": token},
        "public_metrics": {"like_count": token},
        "created_at": token,
        "likes": {"summary": {"total_count": token}},
        "like_count": token,
    }
    return Answer(json={"elements": [row], "data": [row], "paging": {"next": f"/x?access_token={token}"}})


KINDS: dict[str, Callable[[Request], Answer]] = {
    **{str(status): refusal(status) for status in (400, 401, 403, 404, 418, 429, 500)},
    "html": lambda r: Answer(body=f"<html>{everything(r)}</html>".encode()),
    "redirect": lambda r: Answer(302, headers={"Location": f"https://x.invalid/?access_token={everything(r)[-60:]}"}),
    "figures": figures,
    "errors with 200": lambda r: Answer(200, refusal(200)(r).json),
}


@pytest.fixture
def world(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenWorld]:
    """Accounts on all platforms, each with one post, published on FIRST, the day the pipeline begins with."""
    monkeypatch.setenv("ANALYTICS_START_DATE", FIRST.isoformat())
    monkeypatch.setenv("HISTORY_DAYS", "1")
    with running(engine, monkeypatch) as world:
        yield world


@pytest.fixture
def echo(world: TokenWorld) -> Iterator[PlatformServer]:
    """A server that stands in for all platforms and their token endpoints, once `world.configure` says so."""
    with PlatformServer() as server:
        server.date = NOW
        yield server


def towards(echo: PlatformServer) -> dict[str, str]:
    return {**{f"{platform.upper()}_BASE_URL": echo.url for platform in IDS}, "LINKEDIN_OAUTH_URL": echo.url}


def leaks(*texts: str) -> list[str]:
    """The lines that hold a secret in any of its forms."""
    return [line[:300] for text in texts for line in text.splitlines() if any(form in line for form in FORMS)]


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_written_holds_a_secret(
    world: TokenWorld, echo: PlatformServer, session: Session, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    service = world.service(session)
    for platform in IDS:
        list(service.list_posts(platform, FIRST, LAST))
    caplog.set_level(logging.DEBUG)
    echo.answer = KINDS[kind]
    world.configure(**towards(echo))
    service = world.service(session)
    told: list[Any] = []
    for platform in IDS:
        told += service.read_days(platform, FIRST, LAST)
        told += service.list_posts(platform, FIRST, LAST)
        told += service.read_account_days(platform, FIRST, LAST)
    told.append(service.sync_business_analytics(1))
    assert {r.headers["authorization"].split("-")[-1] for r in echo.requests if "authorization" in r.headers} >= {
        "linkedin",
        "twitter",
    }, "the secrets were sent"
    assert leaks(caplog.text, repr(told), world.everything_written()) == []


@pytest.mark.parametrize("platform", IDS)
def test_no_event_of_a_run_holds_a_secret(
    world: TokenWorld, echo: PlatformServer, session: Session, platform: str, caplog: pytest.LogCaptureFixture
) -> None:
    list(world.service(session).list_posts(platform, FIRST, LAST))
    caplog.set_level(logging.DEBUG)
    remaining = list(KINDS.values())
    echo.answer = lambda request: remaining[len(echo.requests) % len(remaining)](request)
    world.configure(**towards(echo))
    service = world.service(session)
    resource = SimpleNamespace(fetcher=service._make_fetcher, now=world.now)
    with dg.DagsterInstance.ephemeral() as instance:
        for asset in (published_posts_asset(platform), post_analytics_asset(platform)):
            result = dg.materialize(
                [asset],
                instance=instance,
                resources={"database": DatabaseResource(), platform: resource},
                tags=range_tags(FIRST, LAST),
                raise_on_error=False,
            )
            events = "\n".join(repr(entry) for entry in instance.all_logs(result.run_id))
            assert events
            assert leaks(events, caplog.text, world.everything_written()) == []
    assert echo.requests


def test_the_normal_course_of_things_writes_no_secret(
    world: TokenWorld, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    report = world.service(session).sync_business_analytics(1)
    assert report["synced"] == 4
    assert leaks(caplog.text, repr(report), world.everything_written()) == []
    assert leaks(repr(world.sandbox.requests)) == []
