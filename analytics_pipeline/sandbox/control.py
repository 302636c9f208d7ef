"""`/_sandbox/*`: looking into a running sandbox and steering it over HTTP.

Not here: the same from within the process (`server.SandboxServer`).
"""

import json
from collections import Counter
from dataclasses import asdict
from datetime import datetime
from typing import Any

from analytics_pipeline.sandbox.faults import Fault
from analytics_pipeline.sandbox.platforms import PLATFORMS
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.wire import Reply, Request, reply


def answer(state: SandboxState, request: Request) -> Reply:
    """GET health, world, clock, requests, billing; POST clock, faults; DELETE requests, faults. 400 says what is wrong."""
    try:
        match request.method, request.path:
            case "GET", "/health":
                return reply(200, {"status": "ok"})
            case "GET", "/world":
                return reply(200, _summary(state))
            case "GET", "/clock":
                return reply(200, {"now": request.at.isoformat()})
            case "POST", "/clock":
                return reply(200, {"now": _set_clock(state, _document(request))})
            case "GET", "/requests":
                return reply(
                    200, {"requests": [{**asdict(entry), "at": entry.at.isoformat()} for entry in state.records]}
                )
            case "DELETE", "/requests":
                state.clear_records()
                return reply(200, {"requests": []})
            case "GET", "/billing":
                return reply(200, {"days": {str(day): Counter(each.values()) for day, each in state.billed.items()}})
            case "POST", "/faults":
                state.faults.add(Fault.from_mapping(_document(request)))
                return reply(200, {"added": 1})
            case "DELETE", "/faults":
                state.faults.clear()
                return reply(200, {"faults": []})
            case _:
                return reply(404, {"error": f"no control {request.method} {request.path}"})
    except (ValueError, TypeError, OverflowError) as error:
        return reply(400, {"error": str(error)})


def _document(request: Request) -> dict[str, Any]:
    document = json.loads(request.body or b"{}")
    if not isinstance(document, dict):
        raise ValueError("a JSON object is expected")
    return document


def _set_clock(state: SandboxState, document: dict[str, Any]) -> str:
    if document.keys() == {"now"}:
        state.clock.set(datetime.fromisoformat(document["now"]))
    elif document.keys() == {"advance_seconds"}:
        state.clock.advance(float(document["advance_seconds"]))
    else:
        raise ValueError('write {"now": "2026-09-01T00:00:00Z"} or {"advance_seconds": 60}')
    return state.clock.now().isoformat()


def _summary(state: SandboxState) -> dict[str, Any]:
    world = state.world
    return {
        "name": world.name,
        "now": state.clock.now().isoformat(),
        "businesses": sorted({account.business for account in world.accounts}),
        "posts": len(world.posts),
        "observations": len(world.observations),
        "accounts": {
            platform: [
                {"external_id": each.external_id, "display_name": each.display_name, "token_state": each.token_state}
                for each in world.accounts_of(platform)
            ]
            for platform in PLATFORMS
        },
    }
