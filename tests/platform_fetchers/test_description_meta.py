"""Every request of both Meta fetchers is one that Meta's own description of the Graph API allows.

The description is the installed `facebook-business` (v26.0): its classes are generated from Meta's specification and hold
fields, edges, parameters and words. It does not know the names of a Page's and a post's metrics: facebook.md §7 does.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest
from facebook_business.adobjects.advideo import AdVideo
from facebook_business.adobjects.igmedia import IGMedia
from facebook_business.adobjects.igmediaforigonlyapi import IGMediaForIGOnlyAPI
from facebook_business.adobjects.iguser import IGUser
from facebook_business.adobjects.iguserforigonlyapi import IGUserForIGOnlyAPI
from facebook_business.adobjects.page import Page
from facebook_business.adobjects.pagepost import PagePost

from analytics_pipeline.platform_fetchers.facebook import FacebookFetcher
from analytics_pipeline.platform_fetchers.instagram import InstagramFetcher
from analytics_pipeline.sandbox.graph_fields import Field, parse_fields
from analytics_pipeline.sandbox.model import World
from analytics_pipeline.sandbox.tokens import TokenStore
from tests.platform_fetchers.sent import Sent, account_of, everything_sent, served, wiring

PAGING: Final = {"limit", "since", "until", "after", "before"}
"""Parameters of every list of the Graph API, which the description does not repeat."""
OF_EDGES: Final = {"summary"} | PAGING
OF_ROWS: Final = {"attachments": frozenset({"media_type", "type", "title", "url"})}
"""Fields of what expanded edges hold, where they are named (facebook.md §2.1)."""
SECONDS: Final = {"page": 90 * 86_400, "instagram": 30 * 86_400}
"""Longest time between `since` and `until` of insights by day (facebook.md §2, instagram.md §4.3)."""

PAGE_METRICS: Final = frozenset(
    {
        "page_follows",
        "page_total_media_view_unique",
        "page_media_view",
        "page_post_engagements",
        "page_views_total",
        "page_total_actions",
        "page_daily_follows",
        "page_video_views",
        "page_actions_post_reactions_like_total",
    }
)
POST_METRICS: Final = frozenset(
    {
        "post_media_view",
        "post_total_media_view_unique",
        "post_clicks",
        "post_clicks_by_type",
        "post_reactions_like_total",
        "post_reactions_by_type_total",
        "post_activity_by_action_type",
        "post_video_views",
        "post_video_view_time",
    }
)
REEL_METRICS: Final = frozenset(
    {"blue_reels_play_count", "post_video_view_time", "post_video_likes_by_reaction_type", "post_video_social_actions"}
)
METRICS: Final = {Page: PAGE_METRICS, PagePost: POST_METRICS, AdVideo: REEL_METRICS}
"""Living metrics by the document, as far as they are asked for."""

UNLISTED: Final = {"follower_count", "profile_links_taps", "profile_views"}
"""Metrics of an Instagram account that were seen to answer (instagram.md §4.3), but are missing from the description."""

EXPECTED: Final = {
    "page": {"N", "N_N", "N/insights", "N/published_posts", "N/video_insights"},
    "linked": {"N", "N/insights", "N/media", "N/stories"},
    "own": {"N", "N/insights", "N/media", "N/stories"},
}


@pytest.fixture(scope="module")
def sent() -> Iterator[tuple[World, dict[str, list[Sent]]]]:
    """A page, and an Instagram account by each of its logins."""
    with served() as (world, server):
        page, linked = account_of(world, "facebook"), account_of(world, "instagram")
        fetchers = {
            "page": (FacebookFetcher(page.access_token, page.external_id, **wiring(server, "facebook")), page),
            "linked": (
                InstagramFetcher(linked.access_token, linked.external_id, **wiring(server, "instagram")),
                linked,
            ),
        }
        told = {name: everything_sent(*each, world) for name, each in fetchers.items()}
    with served() as (world, server):
        own = account_of(world, "instagram")
        own.login, own.access_token = "instagram", "IGAA-own"
        server.state.tokens = TokenStore(world)
        fetcher = InstagramFetcher("IGAA-own", own.external_id, **wiring(server, "instagram"))
        yield world, told | {"own": everything_sent(fetcher, own, world)}


def calls_of(sent: list[Sent]) -> Iterator[tuple[str, dict[str, str]]]:
    """(path below the version, parameters) of every call, those of a batch one by one."""
    for request in sent:
        version, _, path = request.path[1:].partition("/")
        assert version == "v25.0"
        if request.method == "GET":
            yield path, without_auth(dict(request.params))
            continue
        assert (request.method, path, request.query) == ("POST", "", "")
        assert request.form.keys() - {"appsecret_proof"} == {"access_token", "batch"}
        entries = json.loads(request.form["batch"])
        assert 1 <= len(entries) <= 50
        for entry in entries:
            assert entry.keys() == {"method", "relative_url"}
            assert entry["method"] == "GET"
            path, _, query = entry["relative_url"].partition("?")
            yield path, without_auth(dict(Sent("GET", path, query, {}, {}).params))


def without_auth(params: Mapping[str, str]) -> dict[str, str]:
    """The parameters but those that every call may carry."""
    return {name: value for name, value in params.items() if name not in ("access_token", "appsecret_proof")}


class Description:
    """What Meta's description says against a call to the account `of`, with one login or the other."""

    def __init__(self, account: str, own_login: bool = False, page: bool = False) -> None:
        self.account, self.page = account, page
        self.user, self.media = (IGUserForIGOnlyAPI, IGMediaForIGOnlyAPI) if own_login else (IGUser, IGMedia)

    def complaints(self, path: str, params: Mapping[str, str]) -> list[str]:
        node, _, edge = path.partition("/")
        kind = self._kind(node, edge)
        if kind is None:
            return [f"no object {node}"]
        fields = params.get("fields", "")
        rest = {name: value for name, value in params.items() if name != "fields"}
        if not edge:
            return [*self._fields(kind, fields), *(f"{kind.__name__}: no parameter {name}" for name in rest)]
        found = self._edge(kind, edge, rest, PAGING)
        rows = PagePost if edge == "published_posts" else self.media
        return [*found, *self._fields(rows, fields)] if fields else found

    def _kind(self, node: str, edge: str) -> Any:
        if not self.page:
            return self.user if node == self.account else self.media if node.isdecimal() else None
        if node == self.account:
            return Page
        return PagePost if re.fullmatch(r"\d+_\d+", node) else AdVideo if node.isdecimal() else None

    def _edge(self, kind: Any, edge: str, params: Mapping[str, str], general: set[str]) -> list[str]:
        name = f"{kind.__name__}/{edge}"
        if not hasattr(kind, f"get_{edge}"):
            return [f"no edge {name}"]
        checker = _asked(kind, edge)._param_checker
        found = [f"{name}: no parameter {n}" for n in params if n not in general and not checker.is_valid_key(n)]
        for parameter in {"metric", "breakdown", "period", "metric_type", "timeframe"} & params.keys():
            words = checker._enum_data.get(f"{parameter}_enum", METRICS.get(kind, ()))
            found += [f"{name}: no {parameter} {word}" for word in params[parameter].split(",") if word not in words]
        if not 0 <= int(params.get("limit", "1")) <= 100:
            found.append(f"{name}: limit {params['limit']}")
        longest = SECONDS["page" if self.page else "instagram"]
        if edge == "insights" and not 0 <= int(params.get("until", "0")) - int(params.get("since", "0")) <= longest:
            found.append(f"{name}: from {params.get('since')} to {params.get('until')}")
        return found

    def _fields(self, kind: Any, text: str) -> list[str]:
        return [line for field in parse_fields(text) for line in self._field(kind, field)]

    def _field(self, kind: Any, field: Field) -> list[str]:
        """A field, or an expanded edge with its arguments; and the fields wanted of what it holds."""
        if field.name in vars(kind.Field).values():
            return [f"{kind.__name__}.{field.name}: no argument {name}" for name in field.arguments]
        return [
            *self._edge(kind, field.name, field.arguments, OF_EDGES),
            *(f"{field.name}: no field {c.name}" for c in field.children if c.name not in OF_ROWS.get(field.name, ())),
        ]


def _asked(kind: Any, edge: str) -> Any:
    """The request, not sent, that Meta's client makes for an edge: it knows what the edge takes and gives."""
    return getattr(kind(fbid="1", api="none"), f"get_{edge}")(pending=True)


def test_every_request_is_one_of_the_description(sent: tuple[World, dict[str, list[Sent]]]) -> None:
    world, told = sent
    for name, requests in told.items():
        account = account_of(world, "facebook" if name == "page" else "instagram").external_id
        description = Description(account, own_login=name == "own", page=name == "page")
        calls = list(calls_of(requests))
        kinds = {re.sub(r"\d{5,}", "N", path) for path, _ in calls}
        assert kinds == EXPECTED[name], "not every call of the fetcher was provoked"
        complaints = {line for call in calls for line in description.complaints(*call)}
        unlisted = {line for line in complaints if line.rpartition(" ")[2] in UNLISTED}
        assert complaints == unlisted
        assert len(unlisted) == (0 if name == "page" else len(UNLISTED)), "an exception that is none any more"


@pytest.mark.parametrize(
    ("path", "params", "complaint"),
    [
        ("1/likes_per_hour", {}, "no edge Page/likes_per_hour"),
        ("1", {"fields": "followers_count,reach"}, "no edge Page/reach"),
        ("1", {"field": "followers_count"}, "Page: no parameter field"),
        ("1/insights", {"metric": "page_impressions", "period": "day"}, "Page/insights: no metric page_impressions"),
        ("1/insights", {"metric": "page_follows", "period": "hour"}, "Page/insights: no period hour"),
        (
            "1/insights",
            {"metric": "page_follows", "since": "0", "until": "7862400"},
            "Page/insights: from 0 to 7862400",
        ),
        ("1/published_posts", {"fields": "id", "limit": "101"}, "Page/published_posts: limit 101"),
        ("1/published_posts", {"fields": "id,timestamp"}, "no edge PagePost/timestamp"),
        ("1_2", {"fields": "shares.limit(0)"}, "PagePost.shares: no argument limit"),
        ("1_2", {"fields": "insights.metric(post_impressions)"}, "PagePost/insights: no metric post_impressions"),
        ("1_2", {"fields": "comments.sort(new)"}, "PagePost/comments: no parameter sort"),
        ("1_2", {"fields": "attachments{kind}"}, "attachments: no field kind"),
        ("2/video_insights", {"metric": "post_clicks"}, "AdVideo/video_insights: no metric post_clicks"),
        ("name", {}, "no object name"),
    ],
)
def test_a_call_that_is_not_allowed_is_noticed(path: str, params: dict[str, str], complaint: str) -> None:
    assert Description("1", page=True).complaints(path, params) == [complaint]


def test_what_one_login_of_instagram_has_the_other_may_lack() -> None:
    asked = ("2", {"fields": "id,view_count"})
    assert Description("1").complaints(*asked) == []
    assert Description("1", own_login=True).complaints(*asked) == ["no edge IGMediaForIGOnlyAPI/view_count"]
