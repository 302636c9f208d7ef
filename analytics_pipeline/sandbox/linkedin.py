"""LinkedIn below `/linkedin`: the way from a request to a resource, and posts in both generations of the API.

Source: linkedin.md. Here: headers, tokens, versions, quotas, posts, pages. Not here: statistics
(linkedin_statistics.py), error bodies (linkedin_errors.py), Rest.li syntax (linkedin_restli.py), OAuth (oauth.py).
"""

import re
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote, unquote

from analytics_pipeline.sandbox import linkedin_statistics as statistics
from analytics_pipeline.sandbox import oauth
from analytics_pipeline.sandbox.linkedin_errors import (
    TOKEN_ERRORS,
    Call,
    LinkedInError,
    bad_query,
    not_found,
    throttled,
)
from analytics_pipeline.sandbox.linkedin_restli import RestliSyntaxError, parse_query
from analytics_pipeline.sandbox.model import Post
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.tokens import Token
from analytics_pipeline.sandbox.wire import Reply, Request, reply

DAY_SECONDS = 86_400.0
_RESERVED = re.compile(r"[\\|{}@\[\]()<>#*_~]")
_HASHTAG = re.compile(r"#(\w+)")
_RAW_URN = re.compile(r"=urn[^&]*:")
"""A URN outside of a structure, whose colons are encoded in Rest.li 2.0 (§3). In a structure the parser sees to it."""


def answer(state: SandboxState, request: Request) -> Reply:
    """Any request below /linkedin."""
    if request.path.startswith("/oauth/v2/"):
        return oauth.linkedin(state, request)
    try:
        done = _answer(state, request)
    except LinkedInError as error:
        done = reply(error.status, error.body)
    done.headers |= {"x-li-uuid": uuid.uuid4().hex, "x-li-fabric": "sandbox"}
    return done


def failure(request: Request, status: int) -> Reply:
    """The body of a scripted 429 or server fault."""
    if status == 429:
        return reply(429, throttled().body)
    return reply(status, {"message": "Internal Server Error", "status": status})


def _answer(state: SandboxState, request: Request) -> Reply:
    segments = [unquote(segment) for segment in request.raw_path.split("/")[1:]]
    if segments[0] not in ("rest", "v2") or len(segments) not in (2, 3):
        raise LinkedInError(404, "No virtual resource found", "RESOURCE_NOT_FOUND")
    legacy = segments[0] == "v2"
    token = _authenticate(state, request)
    version = "" if legacy else _version(state, request)
    resource = segments[1]
    handler = (LEGACY_RESOURCES if legacy else RESOURCES).get(resource)
    if handler is None or request.method != "GET":
        raise LinkedInError(404, "No virtual resource found", "RESOURCE_NOT_FOUND")
    restli = request.headers.get("x-restli-protocol-version") == "2.0.0"
    if not restli and not legacy:
        raise bad_query()
    _count(state, token, resource, request.at)
    if restli and (":" in request.raw_path or _RAW_URN.search(request.raw_query)):
        raise bad_query()
    try:
        query = parse_query(request.raw_query)
    except RestliSyntaxError:
        raise bad_query() from None
    if not restli and any(not isinstance(value, str) for value in query.values()):
        raise bad_query()
    if query.keys() - PARAMETERS[resource]:
        raise bad_query()
    key = segments[2] if len(segments) == 3 else ""
    return handler(Call(state, token, request.at, version, legacy, resource, key, request.raw_query, query))


def _authenticate(state: SandboxState, request: Request) -> Token:
    if not request.token:
        raise TOKEN_ERRORS["absent"]
    token = state.tokens.find("linkedin", request.token)
    if token is None:
        raise TOKEN_ERRORS["unknown"]
    fresh = (request.at - token.issued_at).total_seconds() if token.issued_at else None
    if fresh is not None and fresh < state.world.linkedin.spurious_revocation_seconds:
        raise TOKEN_ERRORS["revoked"]
    if (condition := token.state_at(request.at)) != "valid":
        raise TOKEN_ERRORS[condition]
    return token


def _version(state: SandboxState, request: Request) -> str:
    given = request.headers.get("linkedin-version", "")
    if not given:
        raise LinkedInError(
            400,
            "A version must be present. Please specify a version by adding the Linkedin-Version header.",
            "VERSION_MISSING",
        )
    if given[:6] not in state.world.linkedin.active_versions or given[6:] not in ("", "01"):
        shown = given if len(given) == 8 else given + "01"
        raise LinkedInError(426, f"Requested version {shown} is not active", "NONEXISTENT_VERSION")
    return given[:6]


def _count(state: SandboxState, token: Token, resource: str, at: datetime) -> None:
    allowance = state.limits.take_account(token.account, at)
    if allowance and allowance.throttled:
        raise throttled()
    settings = state.world.linkedin
    quotas: list[tuple[str, int, str, int]] = [
        (token.value, settings.daily_quota, "APPLICATION_AND_MEMBER DAY", 100),
        ("", settings.app_daily_quota, "APPLICATION DAY", 500),
    ]
    for whose, quota, bucket, in_development in quotas:
        limit = min(quota, in_development) if settings.development_tier else quota
        if state.limits.take(("linkedin", resource, whose), limit, DAY_SECONDS, at, aligned=True).throttled:
            raise throttled(bucket)


def posts(call: Call) -> Reply:
    """`/rest/posts`: one, many by `ids`, or the finder by author."""
    if call.key:
        call.require("r_organization_social", "GET", "partnerApiPostsExternal")
        return reply(200, _post(_readable(call, call.key), call.at), posts=1)
    if "ids" in call.query:
        return _batch(call, "partnerApiPostsExternal", _post)
    call.require("r_organization_social", "FINDER-author", "partnerApiPostsExternal")
    if call.text("q") != "author" or call.text("sortBy", "LAST_MODIFIED") not in ("LAST_MODIFIED", "CREATED"):
        raise bad_query()
    return _finder(call, call.text("author"), _post)


def ugc_posts(call: Call) -> Reply:
    """`/v2/ugcPosts`, the former generation."""
    if call.key:
        call.require("r_organization_social", "GET")
        return reply(200, _ugc_post(_readable(call, call.key), call.at), posts=1)
    if "ids" in call.query:
        return _batch(call, "ugcPosts", _ugc_post)
    call.require("r_organization_social", "FINDER-authors")
    authors = call.urns("authors")
    if call.text("q") != "authors" or len(authors) != 1:
        raise bad_query()
    return _finder(call, authors[0], _ugc_post)


def _readable(call: Call, urn: str) -> Post:
    post = call.world.post("linkedin", urn, call.at)
    if post is None or post.external_id != call.account.external_id:
        raise not_found()
    return post


def _finder(call: Call, author: str, shape: Callable[[Post, datetime], dict[str, Any]]) -> Reply:
    if author.startswith("urn:li:person:"):
        raise LinkedInError(400, "Member permissions must be used when using member as author", service_code=0)
    if call.legacy:
        call.require_own(author, "FINDER-authors")
    else:
        call.require_own(author, "FINDER-author", "partnerApiPostsExternal")
    start, count = call.number("start", 0), call.number("count", 10)
    if not 1 <= count <= 100:
        raise bad_query()
    known = call.world.posts_of(call.account, call.at)
    if call.text("sortBy", "LAST_MODIFIED") == "LAST_MODIFIED":
        known = sorted(known, key=lambda post: _modified(post, call.at), reverse=True)
    page = known[start : start + (max(1, count - 1) if call.settings.short_pages else count)]
    return reply(
        200,
        {"paging": _paging(call, start, count, page, known), "elements": [shape(post, call.at) for post in page]},
        posts=len(page),
    )


def _paging(call: Call, start: int, count: int, page: Sequence[Post], known: Sequence[Post]) -> dict[str, Any]:
    links = []
    following = start + len(page)
    if page and following < len(known) and call.settings.next_links:
        kept = sorted(pair for pair in call.raw_query.split("&") if not pair.startswith(("start=", "count=")))
        href = f"/{'v2' if call.legacy else 'rest'}/{call.resource}?{'&'.join([*kept, f'count={count}', f'start={following}'])}"
        links.append({"type": "application/json", "rel": "next", "href": href})
    return {"start": start, "count": count, "links": links}


def _batch(call: Call, name: str, shape: Callable[[Post, datetime], dict[str, Any]]) -> Reply:
    call.require("r_organization_social", "BATCH_GET", name)
    return statistics.batch_reply(call, lambda urn: shape(_readable(call, urn), call.at), name)


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _modified(post: Post, at: datetime) -> datetime:
    """When the post was last changed, as known at `at`."""
    return post.edited_at if post.edited_at is not None and post.edited_at <= at else post.published_at


def _post(post: Post, at: datetime) -> dict[str, Any]:
    published, modified = _milliseconds(post.published_at), _modified(post, at)
    shaped: dict[str, Any] = {
        "id": post.post_id,
        "author": _author(post),
        "commentary": little_text(post.text),
        "visibility": "PUBLIC",
        "lifecycleState": "PUBLISHED",
        "lifecycleStateInfo": {"isEditedByAuthor": modified > post.published_at},
        "createdAt": published,
        "publishedAt": published,
        "lastModifiedAt": _milliseconds(modified),
        "distribution": {"feedDistribution": "MAIN_FEED", "thirdPartyDistributionChannels": []},
        "isReshareDisabledByAuthor": False,
    }
    if content := _content(post):
        shaped["content"] = content
    if "dark" in post.flags:
        shaped["adContext"] = {"isDsc": True, "dscStatus": "ACTIVE", "dscAdType": "STANDARD"}
        shaped["distribution"]["feedDistribution"] = "NONE"
    if post.reshare_of:
        shaped["reshareContext"] = {"parent": post.reshare_of, "root": post.reshare_of}
    return shaped


def _author(post: Post) -> str:
    return post.external_id if post.external_id.startswith("urn:") else f"urn:li:organization:{post.external_id}"


def _content(post: Post) -> dict[str, Any] | None:
    serial = post.post_id.rpartition(":")[2]
    match post.post_type:
        case "text" | "reshare":
            return None
        case "video":
            return {"media": {"id": post.media_id or f"urn:li:video:D5F10AQ{serial}", "title": post.text[:40]}}
        case "link" | "article":
            return {"article": {"source": post.url or "https://example.invalid/", "title": post.text[:40]}}
        case "carousel" | "multi_image":
            return {"multiImage": {"images": [{"id": f"urn:li:image:D5F10AQ{serial}{item}"} for item in range(3)]}}
        case "poll":
            return {"poll": {"question": post.text[:40], "options": [{"text": "Yes"}, {"text": "No"}]}}
        case _:
            return {"media": {"id": post.media_id or f"urn:li:image:D5F10AQ{serial}"}}


def little_text(text: str) -> str:
    """LinkedIn's text format: reserved characters back-slashed, hashtags as templates."""
    pieces = []
    end = 0
    for tag in _HASHTAG.finditer(text):
        pieces += [_RESERVED.sub(r"\\\g<0>", text[end : tag.start()]), f"{{hashtag|\\#|{tag[1]}}}"]
        end = tag.end()
    return "".join([*pieces, _RESERVED.sub(r"\\\g<0>", text[end:])])


def _ugc_post(post: Post, at: datetime) -> dict[str, Any]:
    published = _milliseconds(post.published_at)
    kinds = {"text": "NONE", "video": "VIDEO", "link": "ARTICLE"}
    stamp = {"actor": "urn:li:person:sandbox", "time": published}
    share: dict[str, Any] = {
        "shareMediaCategory": kinds.get(post.post_type, "IMAGE"),
        "shareCommentary": {"text": post.text, "attributes": []},
    }
    if post.media_id:
        share["media"] = [
            {"status": "READY", "media": post.media_id.replace("urn:li:video:", "urn:li:digitalmediaAsset:")}
        ]
    return {
        "id": post.post_id,
        "author": _author(post),
        "lifecycleState": "PUBLISHED",
        "firstPublishedAt": published,
        "created": stamp,
        "lastModified": {**stamp, "time": _milliseconds(_modified(post, at))},
        "versionTag": "1",
        "visibility": {"com.linkedin.ugc.MemberNetworkVisibility": "PUBLIC"},
        "specificContent": {"com.linkedin.ugc.ShareContent": share},
    }


def organization_acls(call: Call) -> Reply:
    """The pages this token administers: the one of its account."""
    call.require("rw_organization_admin", "FINDER-roleAssignee")
    if call.text("q") != "roleAssignee":
        raise bad_query()
    field = "organizationalTarget" if call.legacy else "organization"
    element = {"role": "ADMINISTRATOR", "state": "APPROVED", "roleAssignee": "urn:li:person:sandbox"}
    fits = call.text("role", "ADMINISTRATOR") == element["role"] and call.text("state", "APPROVED") == element["state"]
    elements = [{**element, field: call.organization}] if fits else []
    return reply(200, {"elements": elements, "paging": {"start": 0, "count": 10, "links": []}})


def organizations(call: Call) -> Reply:
    """Name and vanity name of pages, by number."""

    def page(number: str) -> dict[str, Any]:
        account = call.world.account("linkedin", number) or call.world.account(
            "linkedin", f"urn:li:organization:{number}"
        )
        if account is None:
            raise not_found("Could not find entity")
        name = account.display_name
        return {
            "id": int(number),
            "name": {"localized": {"en_US": name}, "preferredLocale": {"country": "US", "language": "en"}},
            "localizedName": name,
            "vanityName": account.username or quote(name.lower().replace(" ", "-")),
            "primaryOrganizationType": "NONE",
        }

    if call.key:
        return reply(200, page(call.key))
    return statistics.batch_reply(call, page, counts_posts=False)


def userinfo(call: Call) -> Reply:
    return reply(200, {"sub": "sandbox", "name": f"Admin of {call.account.display_name}", "email_verified": False})


RESOURCES: dict[str, Callable[[Call], Reply]] = {
    "posts": posts,
    "organizationalEntityShareStatistics": statistics.share_statistics,
    "organizationalEntityFollowerStatistics": statistics.follower_statistics,
    "organizationPageStatistics": statistics.page_statistics,
    "networkSizes": statistics.network_sizes,
    "socialMetadata": statistics.social_metadata,
    "videoAnalytics": statistics.video_analytics,
    "organizationAcls": organization_acls,
    "organizations": organizations,
}
LEGACY_RESOURCES: dict[str, Callable[[Call], Reply]] = {
    **{name: RESOURCES[name] for name in RESOURCES if name not in ("posts", "socialMetadata", "organizationAcls")},
    "ugcPosts": ugc_posts,
    "socialActions": statistics.social_actions,
    "organizationalEntityAcls": organization_acls,
    "userinfo": userinfo,
}
_STATISTICS = frozenset(["q", "organizationalEntity", "timeIntervals"])
PARAMETERS: dict[str, frozenset[str]] = {
    "posts": frozenset(["q", "author", "start", "count", "sortBy", "isDsc", "ids", "viewContext"]),
    "ugcPosts": frozenset(["q", "authors", "start", "count", "ids", "viewContext"]),
    "organizationalEntityShareStatistics": _STATISTICS | {"shares", "ugcPosts"},
    "organizationalEntityFollowerStatistics": _STATISTICS,
    "organizationPageStatistics": frozenset(["q", "organization", "timeIntervals"]),
    "networkSizes": frozenset(["edgeType"]),
    "socialMetadata": frozenset(["ids"]),
    "socialActions": frozenset(),
    "videoAnalytics": frozenset(["q", "entity", "type", "aggregation", "timeRange"]),
    "organizationAcls": frozenset(["q", "role", "state", "start", "count"]),
    "organizationalEntityAcls": frozenset(["q", "role", "state", "start", "count"]),
    "organizations": frozenset(["ids"]),
    "userinfo": frozenset(),
}
"""What each resource may be asked with (linkedin.md §2, §3)."""
