"""The Graph API as both Meta hosts speak it: versions, paths, fields, the error envelope, one answer per call.

Here: everything between an HTTP request and a node. A host (facebook.py, instagram.py) names its error type, its
nodes and its token endpoints. Not here: the nodes, batches (graph_batch.py), lists (graph_paging.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol
from urllib.parse import urlencode

from analytics_pipeline.sandbox.graph_errors import (
    GraphError,
    bad_parameter,
    permission_missing,
    too_much_data,
    unknown_alias,
    unknown_object,
    unknown_path,
    unsupported_method,
)
from analytics_pipeline.sandbox.graph_fields import Field, FieldSyntaxError, parse_fields
from analytics_pipeline.sandbox.graph_session import Session, Throttled, check_proof, granted, open_session, spend_call
from analytics_pipeline.sandbox.model import Account, Observation, Post, World
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.webhooks import fields_of
from analytics_pipeline.sandbox.wire import Reply, Request, reply

JSON_HEADERS = {"content-type": "application/json; charset=UTF-8"}

MAX_CELLS = 1000
"""Rows × figures (insight metrics, and edges with a summary twice) that one list may ask for before code 1."""

_FIGURES = [column.name for column in fields(Observation) if column.name not in ("platform", "post_id", "observed_at")]
_figures_of = attrgetter(*_FIGURES)


@dataclass(frozen=True, slots=True)
class Call:
    """One call, or one expansion within it. `params` carry the token, because links to further pages do.

    `base` is the host with the answering version, `path` the object and edge below it. `posts` collects the ids of
    the posts that the answer carries.
    """

    state: SandboxState
    session: Session
    now: datetime
    version: str
    base: str
    path: str
    params: Mapping[str, str]
    fields: tuple[Field, ...]
    posts: set[str] = field(default_factory=set)

    @property
    def link(self) -> str:
        """The address asked for, without its query."""
        return f"{self.base}/{self.path}"

    @property
    def world(self) -> World:
        return self.state.world

    def next_link(self, changes: Mapping[str, str]) -> str:
        """The same call with other parameters, as an address."""
        return f"{self.link}?{urlencode({**self.params, **changes})}"

    def expansion(self, wanted: Field, object_id: str) -> "Call":
        """The call that an edge within `fields=` stands for."""
        return replace(
            self,
            path=f"{object_id}/{wanted.name}",
            params={"access_token": self.session.token, **wanted.arguments},
            fields=wanted.children,
        )

    def figure(self, post: Post, column: str) -> int | None:
        """One reported figure of a post; None where it is withheld, or there is no reading yet."""
        reading = self.world.observation(post, self.now)
        value: int | None = getattr(reading, column) if reading else None
        return value

    def figures(self, post: Post, at: datetime | None = None) -> dict[str, int]:
        """The reported figures of a post by column; withheld ones are not in it."""
        reading = self.world.observation(post, at or self.now)
        if reading is None:
            return {}
        known = zip(_FIGURES, _figures_of(reading), strict=True)
        return {name: value for name, value in known if value is not None}


class Node(Protocol):
    """An object of the graph. `owner` is the account whose budget a call on it takes from (None: the user's)."""

    id: str
    default_fields: tuple[Field, ...]

    @property
    def owner(self) -> Account | None: ...

    def require_scope(self) -> None:
        """Raises GraphError #10 where the consent does not cover its fields. Lists see to it once for all their rows."""

    def field(self, call: Call, wanted: Field) -> Any:
        """The value of a field; None leaves it out. Raises GraphError #100 for a field that the node has not."""

    def edge(self, call: Call, name: str) -> dict[str, Any]:
        """The list behind an edge. Raises GraphError #100 for an edge that the node has not."""


@dataclass(frozen=True, slots=True)
class Host:
    """What is different between graph.facebook.com and graph.instagram.com.

    `find` turns an id into a node, or None. `endpoints` answer paths that take no access token of an account.
    """

    find: Callable[[Call, str], Node | None]
    endpoints: Mapping[str, Callable[[SandboxState, Mapping[str, str], datetime], dict[str, Any]]]
    error_kind: str | None = None

    def unknown(self, object_id: str) -> GraphError:
        """Only graph.facebook.com has aliases, besides ids, which are made of digits (facebook.md section 1)."""
        is_id = object_id.replace("_", "").isdecimal()
        return unknown_object(object_id) if is_id or self.error_kind else unknown_alias(object_id)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one call, be it a request or an entry of a batch. `posts` = ids of the posts it carries."""

    status: int
    content: Any
    headers: dict[str, str]
    posts: frozenset[str] = frozenset()


def render(call: Call, node: Node, fields: tuple[Field, ...]) -> dict[str, Any]:
    """A node as JSON: the fields asked for, or the default ones, and always the id."""
    content = {wanted.name: _narrowed(node.field(call, wanted), wanted) for wanted in fields or node.default_fields}
    content.setdefault("id", node.id)
    return {name: value for name, value in content.items() if value is not None}


def _narrowed(value: Any, wanted: Field) -> Any:
    """The rows of an edge with the fields asked for in braces, and their id if they have one."""
    if not wanted.children or not isinstance(value, dict) or "data" not in value:
        return value
    kept = {"id", *(child.name for child in wanted.children)}
    return {**value, "data": [{name: row[name] for name in row if name in kept} for row in value["data"]]}


def refuse_too_much(limit: int, fields: tuple[Field, ...]) -> None:
    """Raises GraphError code 1 when a list of `limit` rows with these fields is too much for the real platform."""
    figures = sum(
        wanted.arguments.get("metric", "").count(",") + 1 if wanted.name == "insights" else 2
        for wanted in fields
        if wanted.name == "insights" or "summary" in wanted.arguments
    )
    if limit * figures > MAX_CELLS:
        raise too_much_data()


def handle(state: SandboxState, request: Request, host: Host) -> Reply:
    """Answers a request that is not a batch."""
    params = {**request.params, **request.form}
    answer = respond(state, host, request, request.method, request.path, params, request.token)
    return reply(answer.status, answer.content, answer.headers, posts=len(answer.posts))


def respond(
    state: SandboxState,
    host: Host,
    request: Request,
    method: str,
    path: str,
    params: Mapping[str, str],
    token: str | None,
) -> Answer:
    """Answers one call that came with `request`, as itself or within its batch."""
    versions = state.world.meta.versions
    headers = {**JSON_HEADERS, "facebook-api-version": versions[-1]}
    posts: set[str] = set()
    try:
        version, parts = split_version(path, versions)
        headers["facebook-api-version"] = version
        if endpoint := host.endpoints.get("/".join(parts)):
            return Answer(200, endpoint(state, params, request.at), headers)
        subscribing = method == "POST" and parts[1:] == ["subscribed_apps"] and parts[0] != "me"
        if method != "GET" and not subscribing:
            raise unsupported_method(method)
        if not parts:
            raise _refused_root(params)
        if len(parts) > 2:
            raise unknown_path("/".join(parts[2:]))
        session = open_session(state, request.platform, token, request.at)
        check_proof(state, params, session.token)
        call = Call(
            state,
            session,
            request.at,
            version,
            f"http://{request.headers.get('host', 'localhost')}/{request.platform}/{version}",
            "/".join(parts),
            {**params, "access_token": session.token},
            parse_fields(params.get("fields", "")),
            posts,
        )
        node = host.find(call, parts[0])
        owner = node.owner if node is not None else None
        headers |= spend_call(state, session, owner, request.at)
        request.account = request.account or owner
        if node is None:
            raise host.unknown(parts[0])
        if parts[1:] == ["subscribed_apps"] and owner is not None:
            content = _subscribed_apps(call, owner, subscribing)
        elif len(parts) == 2:
            content = _narrowed(node.edge(call, parts[1]), Field(parts[1], {}, call.fields))
        else:
            node.require_scope()
            content = render(call, node, call.fields)
        return Answer(200, content, headers, frozenset(posts))
    except FieldSyntaxError as error:
        return Answer(400, GraphError(2500, str(error)).body(host.error_kind), headers)
    except Throttled as refusal:
        return Answer(refusal.error.status, refusal.error.body(host.error_kind), headers | refusal.headers)
    except GraphError as error:
        return Answer(error.status, error.body(host.error_kind), headers)


def _subscribed_apps(call: Call, account: Account, subscribing: bool) -> dict[str, Any]:
    """The app's webhooks of an account: what it is told of, or from now on."""
    if account.platform == "facebook" and not granted(account, "pages_manage_metadata"):
        raise permission_missing("pages_manage_metadata")
    hooks = call.state.webhooks
    if not subscribing:
        return {"data": [{"id": call.world.oauth.client_id, "subscribed_fields": [*hooks.subscribed(account)]}]}
    fields = [field for field in call.params.get("subscribed_fields", "").split(",") if field]
    if not fields or not set(fields) <= set(fields_of(account)):
        known = ", ".join(fields_of(account))
        raise bad_parameter(f"Param subscribed_fields must be one of the following values: {known}")
    hooks.subscribe(account, fields)
    return {"success": True}


def _refused_root(params: Mapping[str, str]) -> GraphError:
    """v26.0 removed reading several objects by `?ids=`; the sandbox is that strict in every version."""
    if "ids" in params:
        return bad_parameter("The ids parameter is no longer supported. Read each object, or use a batch request.")
    return GraphError(2500, "An object ID is required to request this resource.")


def split_version(path: str, versions: list[str]) -> tuple[str, list[str]]:
    """The version that answers, and the path behind it. A version that has expired is served by the oldest usable one,
    a path without version by the newest. Raises GraphError 2500 for a version that there is not.
    """
    parts = [part for part in path.split("/") if part]
    if not parts or not is_version(parts[0]):
        return versions[-1], parts
    asked = parts.pop(0)
    if parts and is_version(parts[0]):
        raise unknown_path("/".join(parts[1:]))
    if asked in versions:
        return asked, parts
    if version_number(asked) < version_number(versions[0]):
        return versions[0], parts
    raise unknown_path("/".join([asked, *parts]))


def is_version(text: str) -> bool:
    major, dot, minor = text[1:].partition(".")
    return text[:1] == "v" and dot == "." and major.isdecimal() and minor.isdecimal()


def version_number(version: str) -> tuple[int, int]:
    """`v25.0` → (25, 0), so that versions can be compared."""
    major, _, minor = version[1:].partition(".")
    return int(major), int(minor)
