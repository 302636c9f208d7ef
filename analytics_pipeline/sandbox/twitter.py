"""X below `/twitter`: tokens, per-endpoint windows, billing, and the endpoints that read posts and users.

Source: x.md. Not here: how posts look (twitter_posts.py), series (twitter_analytics.py), pages
(twitter_paging.py), field words (twitter_fields.py), error bodies (twitter_errors.py), OAuth (oauth.py).
"""

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from analytics_pipeline.sandbox import oauth
from analytics_pipeline.sandbox import twitter_analytics as analytics
from analytics_pipeline.sandbox import twitter_paging as paging
from analytics_pipeline.sandbox.limits import DEFAULT_WINDOW_SECONDS, Allowance
from analytics_pipeline.sandbox.model import Account, TwitterSettings, World
from analytics_pipeline.sandbox.state import SandboxState
from analytics_pipeline.sandbox.tokens import Token
from analytics_pipeline.sandbox.twitter_errors import (
    TwitterError,
    app_only_refused,
    credits_depleted,
    forbidden,
    invalid,
    missing_item,
    not_enrolled,
    server_fault,
    too_many,
    unauthorized,
    usage_capped,
)
from analytics_pipeline.sandbox.twitter_fields import Selection, read_selection, refuse_retired
from analytics_pipeline.sandbox.twitter_posts import Shaper
from analytics_pipeline.sandbox.wire import Reply, Request, reply

_MEDIA_KEY = re.compile(r"[0-9]+_[0-9]+")


@dataclass(frozen=True, slots=True)
class Call:
    """An authenticated call. `token` None = app-only. `key` is the id in the path, blank where there is none."""

    state: SandboxState
    request: Request
    token: Token | None
    key: str

    @property
    def world(self) -> World:
        return self.state.world

    @property
    def settings(self) -> TwitterSettings:
        return self.state.world.twitter

    @property
    def reader(self) -> Account | None:
        return self.token.account if self.token else None

    def user(self) -> Account:
        """The account of a user token. Raises the 403 for an app-only one."""
        if self.token is None:
            raise app_only_refused()
        return self.token.account

    def shaper(self, selection: Selection, parameter: str = "ids") -> Shaper:
        return Shaper(self.world, self.request.at, self.reader, selection, parameter)

    def ids(self, name: str, pattern: re.Pattern[str]) -> list[str]:
        """1–100 ids of a comma list, without repetitions. Raises the 400."""
        values = self.request.params.get(name, "").split(",")
        for value in values:
            if not pattern.fullmatch(value):
                raise invalid(name, value)
        if len(values) > 100:
            message = (
                f"The number of values in the `{name}` query parameter list [{len(values)}] is not between 1 and 100"
            )
            raise invalid(name, self.request.params[name], message)
        return list(dict.fromkeys(values))

    def bill(self, posts: Iterable[str] = (), users: Iterable[str] = (), owned: bool = False) -> None:
        """Counts what this answer hands out; the same thing twice in one UTC day counts once."""
        bought = self.state.billed[self.request.at.date()]
        for post in posts:
            bought.setdefault(("post", post), "owned_read" if owned else "post_read")
        for user in users:
            bought.setdefault(("user", user), "user_read")

    def bill_answer(self, shaper: Shaper, rows: Iterable[dict[str, Any]], owned: bool = False) -> None:
        """The posts of an answer, and the posts and users that its expansions brought along."""
        self.bill([row["id"] for row in rows], owned=owned)
        self.bill(shaper.includes.get(shaper.selection.word("tweets"), ()), shaper.includes.get("users", ()))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`app` / `user`: calls per 15 minutes with an app-only / a user token."""

    name: str
    path: re.Pattern[str]
    answer: Callable[[Call], Reply]
    app: int
    user: int
    scopes: tuple[str, ...] = ("tweet.read", "users.read")


def answer(state: SandboxState, request: Request) -> Reply:
    """Any request below /twitter."""
    if request.path in oauth.TWITTER_PATHS:
        return oauth.twitter(state, request)
    headers = {"x-access-level": "read", "x-transaction-id": secrets.token_hex(8), "api-version": "2.168"}
    try:
        done = _answer(state, request, headers)
    except TwitterError as error:
        done = error.reply(state.world.twitter)
    done.headers |= headers
    return done


def failure(request: Request, status: int) -> Reply:
    """The body of a scripted 429 or server fault."""
    error = too_many() if status == 429 else server_fault(status)
    return error.reply(TwitterSettings())


def _answer(state: SandboxState, request: Request, headers: dict[str, str]) -> Reply:
    path = request.path if request.method == "GET" else ""
    endpoint, matched = next((each, found) for each in ENDPOINTS if (found := each.path.fullmatch(path)))
    app_only = bool(request.token) and request.token == state.world.twitter.app_token
    token = None if app_only else _living(state, request)
    allowance = _count(state, request, endpoint, token, endpoint.app if app_only else endpoint.user)
    headers |= {
        "x-rate-limit-limit": str(allowance.limit),
        "x-rate-limit-remaining": str(allowance.remaining),
        "x-rate-limit-reset": str(allowance.reset_seconds),
    }
    if token is None and not app_only:
        raise unauthorized()
    if token is not None and not token.allows(*endpoint.scopes):
        raise forbidden()
    if allowance.throttled:
        raise too_many()
    if endpoint.name in state.world.twitter.not_enrolled:
        raise not_enrolled()
    refuse_retired(request.params, state.world.twitter.retired_fields)
    _check_budget(state, request, token)
    return endpoint.answer(Call(state, request, token, matched[1] if matched.re.groups else ""))


def _living(state: SandboxState, request: Request) -> Token | None:
    """The user token of a request; None for one that is not good any more, or never was."""
    token = state.tokens.find("twitter", request.token)
    return token if token is not None and token.state_at(request.at) == "valid" else None


def _count(state: SandboxState, request: Request, endpoint: Endpoint, token: Token | None, limit: int) -> Allowance:
    """Takes a call of the account's window; of one of its own for any other token, which is the app's or refused."""
    limit = state.world.twitter.window_limits.get(endpoint.name, limit)
    key = ("twitter", endpoint.name, token.account.key if token else request.token)
    window = state.limits.take(key, limit, DEFAULT_WINDOW_SECONDS, request.at)
    own = state.limits.take_account(token.account, request.at) if token else None
    return own if own is not None and (own.throttled or not window.throttled) else window


def _check_budget(state: SandboxState, request: Request, token: Token | None) -> None:
    settings = state.world.twitter
    if settings.credits is not None and sum(map(len, state.billed.values())) >= settings.credits:
        raise credits_depleted(token.account.external_id if token else "app")
    if settings.monthly_cap is not None:
        month = (request.at.year, request.at.month)
        bought = [kind for day, things in state.billed.items() if (day.year, day.month) == month for kind, _ in things]
        if bought.count("post") >= settings.monthly_cap:
            raise usage_capped()


def many_posts(call: Call) -> Reply:
    """GET /2/tweets?ids="""
    selection = read_selection(call.request.params, frozenset({"ids"}))
    ids = call.ids("ids", paging.ID)
    shaper = call.shaper(selection)
    found = []
    for post_id in ids:
        post = call.world.post("twitter", post_id, call.request.at)
        if post is None:
            shaper.errors.append(missing_item(call.settings, "ids", "tweet", post_id))
        else:
            found.append(post)
    rows = shaper.posts(found)
    body = shaper.body(rows)
    if selection.new_words:
        body["meta"] = {"result_count": len(rows)}
    call.bill_answer(shaper, rows)
    return reply(200, body, posts=len(rows))


def one_post(call: Call) -> Reply:
    """GET /2/tweets/{id}"""
    selection = read_selection(call.request.params, frozenset())
    if not paging.ID.fullmatch(call.key):
        raise invalid("id", call.key)
    post = call.world.post("twitter", call.key, call.request.at)
    if post is None:
        item = missing_item(call.settings, "id", "tweet", call.key)
        if call.settings.missing_post_status == 404:
            raise TwitterError(404, item["title"], item["detail"], "resource-not-found", errors=[item])
        return reply(200, {"errors": [item]})
    shaper = call.shaper(selection, "id")
    row = shaper.post(post)
    body = shaper.body(row)
    rows = [row] if row else []
    call.bill_answer(shaper, rows)
    return reply(200, body, posts=len(rows))


def timeline(call: Call) -> Reply:
    """GET /2/users/{id}/tweets"""
    params, at = call.request.params, call.request.at
    known = frozenset(["max_results", "pagination_token", "start_time", "end_time", "since_id", "until_id", "exclude"])
    selection = read_selection(params, known)
    size = paging.page_size(params)
    author = call.world.account("twitter", call.key)
    if author is None:
        return reply(200, {"errors": [missing_item(call.settings, "id", "user", call.key)]})
    posts = paging.reach(params, call.world.posts_of(author, at), call.settings.timeline_cap)
    before = paging.cursor(params)
    place = 0 if before is None else sum(1 for post in posts if paging.place(post) >= before)
    page = list(posts[place : place + size])
    if before is None and call.settings.empty_pages and posts:
        page, following = [], paging.token_of(posts[0], after=True)
    else:
        following = paging.token_of(page[-1]) if place + size < len(posts) else ""
    shaper = call.shaper(selection, "id")
    rows = shaper.posts(page)
    body = shaper.body(rows)
    meta: dict[str, Any] = {"result_count": len(rows)}
    if rows:
        meta |= {"newest_id": rows[0]["id"], "oldest_id": rows[-1]["id"]}
    if following:
        meta["next_token"] = following
    if place:
        meta["previous_token"] = paging.token_of(posts[max(0, place - size)], after=True)
    owned = call.reader is not None and call.reader is author and author.external_id == call.settings.app_owner
    call.bill_answer(shaper, rows, owned)
    return reply(200, body | {"meta": meta}, posts=len(rows))


def me(call: Call) -> Reply:
    """GET /2/users/me"""
    selection = read_selection(call.request.params, frozenset())
    account = call.user()
    call.bill(users=[account.external_id])
    return reply(200, {"data": call.shaper(selection).user(account)})


def one_user(call: Call) -> Reply:
    """GET /2/users/{id}"""
    selection = read_selection(call.request.params, frozenset())
    account = call.world.account("twitter", call.key)
    if account is None:
        return reply(200, {"errors": [missing_item(call.settings, "id", "user", call.key)]})
    call.bill(users=[account.external_id])
    return reply(200, {"data": call.shaper(selection).user(account)})


def media(call: Call) -> Reply:
    """GET /2/media?media_keys="""
    selection = read_selection(call.request.params, frozenset({"media_keys"}), frozenset({"media.fields"}))
    shaper = call.shaper(selection, "media_keys")
    found = []
    for key in call.ids("media_keys", _MEDIA_KEY):
        carriers = call.world.posts_with_media("twitter", key)
        if carriers:
            found.append(shaper.media(carriers[0], "data"))
        else:
            shaper.errors.append(missing_item(call.settings, "media_keys", "media", key))
    return reply(200, shaper.body([each for each in found if each is not None]))


def post_analytics(call: Call) -> Reply:
    """GET /2/tweets/analytics"""
    params = call.request.params
    analytics.check_names(params, "ids", "analytics.fields")
    reader, ids = call.user(), call.ids("ids", paging.ID)
    body, posts = analytics.post_analytics(call.world, reader, ids, params, call.request.at)
    return reply(200, body, posts=posts)


def media_analytics(call: Call) -> Reply:
    """GET /2/media/analytics"""
    params = call.request.params
    analytics.check_names(params, "media_keys", "media_analytics.fields")
    reader, keys = call.user(), call.ids("media_keys", _MEDIA_KEY)
    body, posts = analytics.media_analytics(call.world, reader, keys, params, call.request.at)
    return reply(200, body, posts=posts)


def nowhere(_: Call) -> Reply:
    """An empty 404, also for what is documented but not there (x.md §2, §9)."""
    return Reply(404, b"")


def usage(call: Call) -> Reply:
    """GET /2/usage/tweets: post reads billed this month, app-only."""
    if call.token is not None:
        raise forbidden()
    today = call.request.at.date()
    days = {
        day: sum(1 for kind, _ in things if kind == "post")
        for day, things in sorted(call.state.billed.items())
        if (day.year, day.month) == (today.year, today.month)
    }
    data = {
        "project_cap": str(call.settings.monthly_cap or 3_000_000),
        "project_usage": str(sum(days.values())),
        "daily_project_usage": {
            "usage": [{"date": f"{day}T00:00:00.000Z", "usage": str(count)} for day, count in days.items()]
        },
    }
    return reply(200, {"data": data})


ENDPOINTS = (
    Endpoint("tweets", re.compile("/2/tweets"), many_posts, 3500, 5000),
    Endpoint("timeline", re.compile("/2/users/([^/]+)/tweets"), timeline, 10_000, 900),
    Endpoint("analytics", re.compile("/2/tweets/analytics"), post_analytics, 300, 300),
    Endpoint("tweet", re.compile("/2/tweets/([^/]+)"), one_post, 450, 900),
    Endpoint("me", re.compile("/2/users/me"), me, 75, 75),
    Endpoint("user", re.compile("/2/users/([^/]+)"), one_user, 300, 900),
    Endpoint("media_analytics", re.compile("/2/media/analytics"), media_analytics, 300, 300, ("tweet.read",)),
    Endpoint("media", re.compile("/2/media"), media, 300, 300, ("tweet.read",)),
    Endpoint("usage", re.compile("/2/usage/tweets"), usage, 50, 50, ()),
    Endpoint("credits", re.compile("/2/usage/credits"), nowhere, 30, 30, ()),
    Endpoint("elsewhere", re.compile("(?s:.*)"), nowhere, 300, 300, ()),
)
