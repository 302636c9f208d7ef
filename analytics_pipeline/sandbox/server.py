"""The HTTP server of the sandbox: one ASGI app over all platforms, and a thread to run it in.

Here: routing by prefix, the log, faults on the wire, the Date header, start and stop. Not here: what a platform
answers (linkedin.py, twitter.py, facebook.py, instagram.py), the control endpoints (control.py).
"""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import date, datetime
from email.utils import format_datetime
from types import TracebackType
from typing import Any, NamedTuple, Self

import uvicorn

from analytics_pipeline.sandbox import control, facebook, instagram, linkedin, twitter
from analytics_pipeline.sandbox.clock import WorldClock
from analytics_pipeline.sandbox.faults import Fault
from analytics_pipeline.sandbox.model import World
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.webhooks import Webhooks
from analytics_pipeline.sandbox.wire import Reply, Request, RequestRecord, reply

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]


class Dialect(NamedTuple):
    """The two functions of a platform module; state.py says what they do."""

    answer: Callable[[SandboxState, Request], Reply]
    failure: Callable[[Request, int], Reply]


DIALECTS: dict[str, Dialect] = {
    "linkedin": Dialect(linkedin.answer, linkedin.failure),
    "twitter": Dialect(twitter.answer, twitter.failure),
    "facebook": Dialect(facebook.answer, facebook.failure),
    "instagram": Dialect(instagram.answer, instagram.failure),
}


def make_app(state: SandboxState) -> App:
    """The ASGI application: `/<platform>/…` and `/_sandbox/…`."""

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"the sandbox speaks HTTP only, not {scope['type']}")
        body = await _body(receive)
        raw_path = scope["raw_path"].decode("ascii", "replace")
        prefix, slash, rest = raw_path[1:].partition("/")
        request = Request(
            platform=prefix,
            method=scope["method"],
            path=scope["path"][len(prefix) + 1 :] or "/",
            raw_path=slash + rest or "/",
            raw_query=scope["query_string"].decode("ascii", "replace"),
            headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
            at=state.clock.now(),
        )
        dialect = DIALECTS.get(prefix)
        if dialect is None:
            known = "/_sandbox, " + ", ".join(f"/{name}" for name in DIALECTS)
            answer = control.answer(state, request) if prefix == "_sandbox" else None
            await _send(send, answer or reply(404, {"error": f"nothing here; the sandbox serves {known}"}), request.at)
            return
        token = state.tokens.find(prefix, request.token)
        request.account = token.account if token else None
        fault = state.faults.next_for(prefix, request.account.external_id if request.account else None, request.path)
        if fault is None:
            answer = dialect.answer(state, request)
            state.record(request, answer)
            await _send(send, answer, request.at)
        else:
            await _suffer(fault, dialect, state, request, receive, send)

    return app


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body", False):
        message = await receive()
        body += message.get("body", b"")
    return body


def _headers(answer: Reply, at: datetime) -> list[tuple[bytes, bytes]]:
    headers = {"date": format_datetime(at, usegmt=True), "content-length": str(len(answer.body)), **answer.headers}
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


async def _send(send: Send, answer: Reply, at: datetime) -> None:
    await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer, at)})
    await send({"type": "http.response.body", "body": answer.body})


async def _suffer(
    fault: Fault, dialect: Dialect, state: SandboxState, request: Request, receive: Receive, send: Send
) -> None:
    if fault.kind == "reset":
        state.record(request, Reply(0, b""), fault.kind)
        await _break_off(send, receive, reset=True)
        return
    came = time.monotonic()
    answer = _faulty_answer(fault, dialect, state, request)
    state.record(request, answer, fault.kind)
    if fault.kind == "delay":
        # A platform that is that far away has its answer ready by then: to make one is no part of the way.
        await asyncio.sleep(max(0.0, came + fault.seconds - time.monotonic()))
    if fault.kind not in ("cut_body", "slow_body"):
        await _send(send, answer, request.at)
        return
    half = len(answer.body) // 2
    await send({"type": "http.response.start", "status": answer.status, "headers": _headers(answer, request.at)})
    await send({"type": "http.response.body", "body": answer.body[:half], "more_body": True})
    if fault.kind == "cut_body":
        await _break_off(send, receive, reset=False)
        return
    rest = answer.body[half:]
    pieces = min(10, len(rest)) or 1
    for piece in range(pieces):
        await asyncio.sleep(fault.seconds / pieces)
        part = rest[len(rest) * piece // pieces : len(rest) * (piece + 1) // pieces]
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def _faulty_answer(fault: Fault, dialect: Dialect, state: SandboxState, request: Request) -> Reply:
    match fault.kind:
        case "status":
            answer = dialect.failure(request, fault.status)
            if fault.retry_after:
                answer.headers["retry-after"] = fault.retry_after
            return answer
        case "reply":
            return Reply(fault.status, fault.body.encode(), {"content-type": "application/json", **fault.headers})
        case "html":
            page = b"<!DOCTYPE html><html><body><h1>Please wait</h1></body></html>"
            return Reply(200, page, {"content-type": "text/html; charset=utf-8"})
        case "redirect":
            return Reply(302, b"", {"location": fault.location})
        case "huge_body":
            return Reply(200, b'{"data":"' + b"x" * fault.size + b'"}', {"content-type": "application/json"})
        case _:
            return dialect.answer(state, request)


async def _break_off(send: Send, receive: Receive, reset: bool) -> None:
    """Ends the connection under uvicorn's hands. ASGI has no word for that, so its transport is taken from `send`."""
    transport: asyncio.Transport = send.__self__.transport  # type: ignore[attr-defined]
    if reset:
        linger = struct.pack("ii", 1, 0)  # with unsent data thrown away, the kernel answers RST instead of FIN
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        transport.abort()
    else:
        transport.close()
    while (await receive())["type"] != "http.disconnect":
        pass


class SandboxServer:
    """Runs a world in a thread of this process, as a context manager. Port 0 = any free one.

    Raises OSError when the port is taken. On leaving, the port is free again and the thread is gone.
    """

    def __init__(self, world: World, host: str = "127.0.0.1", port: int = 0) -> None:
        self.state = SandboxState(world)
        self._socket = socket.create_server((host, port), backlog=2048)
        self._host = host
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            make_app(self.state),
            log_config=None,  # the program around this thread keeps its own logging
            log_level="warning",
            access_log=False,
            date_header=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="sandbox", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                self._socket.close()
                raise RuntimeError("the sandbox did not start; its log says why")
            self._thread.join(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """The settings that point the pipeline at this sandbox."""
        hosts = {f"{platform.upper()}_BASE_URL": f"{self.url}/{platform}" for platform in DIALECTS}
        return hosts | {"LINKEDIN_OAUTH_URL": f"{self.url}/linkedin"}

    @property
    def clock(self) -> WorldClock:
        return self.state.clock

    @property
    def requests(self) -> list[RequestRecord]:
        """A copy of the log of everything asked of the platforms, oldest first."""
        return self.state.records

    def clear_requests(self) -> None:
        self.state.clear_records()

    @property
    def webhooks(self) -> Webhooks:
        """Meta's events: `register` a callback, `emit`, and `deliver` what is due."""
        return self.state.webhooks

    @property
    def billed(self) -> dict[date, dict[tuple[str, str], str]]:
        """What X has billed so far, by UTC day; each thing once a day."""
        return {day: dict(things) for day, things in self.state.billed.items()}

    def script_fault(self, kind: str, **details: Any) -> None:
        """The next matching requests suffer this; the details are the fields of `faults.Fault`."""
        self.state.faults.add(Fault.from_mapping({"kind": kind, **details}))
