"""`POST /` with `batch=[…]`: up to 50 calls in one request, each with a status and a body of its own.

Here: the envelope of facebook.md section 4, and scripted faults on single entries. Not here: the calls themselves.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from analytics_pipeline.sandbox.faults import Fault
from analytics_pipeline.sandbox.graph import JSON_HEADERS, Answer, Host, is_version, respond
from analytics_pipeline.sandbox.graph_errors import GraphError, bad_parameter, out_of_order, token_missing
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.wire import Reply, Request, reply, to_json

MAX_ENTRIES = 50

_HEADER_SPELLING = {
    "content-type": "Content-Type",
    "facebook-api-version": "Facebook-API-Version",
    "x-app-usage": "X-App-Usage",
    "x-business-use-case-usage": "X-Business-Use-Case-Usage",
}
_SHARED = ("facebook-api-version", "x-app-usage", "x-business-use-case-usage")


def is_batch(request: Request) -> bool:
    """A POST to the root, with or without a version."""
    path = request.path.strip("/")
    return request.method == "POST" and (not path or is_version(path))


def handle_batch(state: SandboxState, request: Request, host: Host) -> Reply:
    """Answers the entries in their order, 200 for the whole. Every entry counts as one call.

    A scripted fault that matches an entry's `relative_url` hits that entry: `status` and `reply` give it that
    answer, any other kind keeps it from finishing in time: null.
    """
    try:
        if request.token is None:
            raise token_missing()
        given = {**request.params, **request.form}
        entries = _entries(given.get("batch", ""))
    except GraphError as error:
        return reply(error.status, error.body(host.error_kind), JSON_HEADERS)
    with_headers = given.get("include_headers", "true") != "false"
    headers = dict(JSON_HEADERS)
    content: list[dict[str, Any] | None] = []
    posts: set[str] = set()
    for entry in entries:
        answer = _answer_entry(state, request, host, entry, given)
        if answer is None:
            content.append(None)
            continue
        posts |= answer.posts
        headers |= {name: answer.headers[name] for name in _SHARED if name in answer.headers}
        content.append(_wire_entry(answer, with_headers))
    return reply(200, content, headers, posts=len(posts), calls=len(entries))


def _entries(text: str) -> list[dict[str, Any]]:
    try:
        entries = json.loads(text)
    except ValueError:
        raise bad_parameter("param batch must be an array.") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise bad_parameter("param batch must be an array.")
    if not entries:
        raise bad_parameter("Batch requests must contain at least one request.")
    if len(entries) > MAX_ENTRIES:
        raise bad_parameter(f"Too many requests in batch message. Maximum batch size is {MAX_ENTRIES}")
    return entries


def _answer_entry(
    state: SandboxState, request: Request, host: Host, entry: Mapping[str, Any], given: Mapping[str, str]
) -> Answer | None:
    address = urlsplit("/" + str(entry.get("relative_url", "")).lstrip("/"))
    params = dict(parse_qsl(address.query, keep_blank_values=True))
    fault = state.faults.next_for(
        request.platform, request.account.external_id if request.account else None, f"{address.path}?{address.query}"
    )
    if fault is not None:
        return _faulty(fault, host)
    method = str(entry.get("method", "GET")).upper()
    if "access_token" not in params and (proof := given.get("appsecret_proof")):
        params["appsecret_proof"] = proof
    own_version = is_version(address.path.strip("/").partition("/")[0])
    path = address.path if own_version else request.path.rstrip("/") + address.path  # else the batch's version counts
    return respond(state, host, request, method, path, params, params.get("access_token") or request.token)


def _faulty(fault: Fault, host: Host) -> Answer | None:
    if fault.kind == "status":
        return Answer(fault.status, out_of_order(fault.status).body(host.error_kind), JSON_HEADERS)
    if fault.kind == "reply":
        return Answer(fault.status, fault.body, dict(fault.headers))
    return None


def _wire_entry(answer: Answer, with_headers: bool) -> dict[str, Any]:
    body = answer.content if isinstance(answer.content, str) else to_json(answer.content).decode()
    entry: dict[str, Any] = {"code": answer.status}
    if with_headers:
        named = answer.headers | {"content-type": "text/javascript; charset=UTF-8"}
        entry["headers"] = [{"name": _HEADER_SPELLING.get(name, name), "value": value} for name, value in named.items()]
    return entry | {"body": body}
