"""The objects of Facebook in the graph: the user, Pages, their posts and videos.

Here: fields, edges and the permissions they need (facebook.md sections 2 and 3). Not here: insights.
"""

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from analytics_pipeline.sandbox.facebook_insights import page_insights, post_insights, video_insights
from analytics_pipeline.sandbox.facebook_metrics import REACTION_COLUMNS, reactions_total
from analytics_pipeline.sandbox.graph import Call, refuse_too_much, render
from analytics_pipeline.sandbox.graph_errors import (
    bad_parameter,
    permission_missing,
    posts_need_page_token,
    unknown_field,
)
from analytics_pipeline.sandbox.graph_fields import Field, parse_fields
from analytics_pipeline.sandbox.graph_paging import page_of, read_limit, wire_time
from analytics_pipeline.sandbox.graph_session import granted, page_token
from analytics_pipeline.sandbox.model import Account, Post

TASKS = ["ANALYZE", "ADVERTISE", "MESSAGING", "MODERATE", "CREATE_CONTENT", "MANAGE"]
PERMISSIONS = ("pages_show_list", "pages_read_engagement", "pages_read_user_content", "read_insights")
VIDEO_TYPES = ("video", "reel")

_KIND_OF_ATTACHMENT = {
    "image": ("photo", "photo", "added_photos"),
    "video": ("video", "video_inline", "added_video"),
    "reel": ("video", "video_inline", "added_video"),
    "link": ("link", "share", "shared_story"),
    "carousel": ("album", "album", "added_photos"),
    "event": ("event", "event", "created_event"),
}
"""Post type → media_type and type of its attachment, status_type of the post."""

_ATTACHMENT_FIELDS = frozenset({
    "media_type", "type", "title", "url", "unshimmed_url", "description", "media", "target", "subattachments",
})  # fmt: skip

_REACTION_OF_TYPE = {
    "LIKE": "like", "LOVE": "love", "WOW": "wow", "HAHA": "haha", "SAD": "sorry", "ANGRY": "anger",
}  # fmt: skip

_ARGUMENTS: dict[str, dict[str, tuple[str, ...]]] = {
    "reactions": {
        "type": ("NONE", *_REACTION_OF_TYPE, "THANKFUL", "PRIDE", "CARE", "FIRE", "HUNDRED"),
    },
    "likes": {},
    "comments": {"filter": ("toplevel", "stream"), "order": ("chronological", "reverse_chronological")},
}
"""Edges of a post with a summary, and the values that their parameters may have."""


def find(call: Call, object_id: str) -> "User | Page | PagePost | Video | None":
    """The object behind an id, when the token may read it. A bare number can be a video."""
    if object_id == "me":
        pages = [each for each in call.session.accounts if each.platform == "facebook"]
        return Page(pages[0]) if call.session.kind == "page" else User(call)
    if (account := call.world.account("facebook", object_id)) is not None:
        return Page(account) if call.session.opens(account) else None
    post, is_video = call.world.post("facebook", object_id, call.now), False
    if post is None:
        post, is_video = _video(call, object_id), True
    owner = call.world.account("facebook", post.external_id) if post is not None else None
    if post is None or owner is None or not call.session.opens(owner):
        return None
    return Video(post, owner, object_id) if is_video else PagePost(post, owner)


def _video(call: Call, video_id: str) -> Post | None:
    candidates = [*call.world.posts_with_media("facebook", video_id)]
    pages = (each.external_id for each in call.session.accounts if each.platform == "facebook")
    candidates += [
        post for page in pages if (post := call.world.post("facebook", f"{page}_{video_id}", call.now)) is not None
    ]
    return next((each for each in candidates if each.post_type in VIDEO_TYPES and each.visible(call.now)), None)


def _require_engagement_scope(page: Account) -> None:
    """What posts and the followers of a Page need. Raises GraphError #10."""
    if not granted(page, "pages_read_engagement"):
        raise permission_missing("pages_read_engagement")


def video_id_of(post: Post) -> str:
    return post.media_id or post.post_id.rpartition("_")[2]


class User:
    """The person behind a user token."""

    owner = None
    default_fields = parse_fields("id,name")

    def __init__(self, call: Call) -> None:
        self.id = f"10{zlib.crc32(call.session.token.encode()):010d}"
        self._session = call.session

    def require_scope(self) -> None:
        """A person's name needs none."""

    def field(self, call: Call, wanted: Field) -> Any:
        match wanted.name:
            case "id":
                return self.id
            case "name":
                return self._session.account.business or self._session.account.display_name
        raise unknown_field(wanted.name, "User")

    def edge(self, call: Call, name: str) -> dict[str, Any]:
        if name == "permissions":
            account = self._session.account
            return {
                "data": [
                    {"permission": scope, "status": "granted" if granted(account, scope) else "declined"}
                    for scope in PERMISSIONS
                ]
            }
        if name != "accounts":
            raise unknown_field(name, "User")
        pages = [
            each for each in self._session.accounts if each.platform == "facebook" and granted(each, "pages_show_list")
        ]
        start, limit = call.params.get("after", "0"), read_limit(call.params)
        if not start.isdecimal():
            raise bad_parameter("Invalid cursors values provided in paging params")
        stop = int(start) + limit
        fields = call.fields or parse_fields("access_token,category,name,id,tasks")
        data = [render(call, Page(page), fields) for page in pages[int(start) : stop]]
        paging: dict[str, Any] = {"cursors": {"before": start, "after": str(stop)}}
        if stop < len(pages):
            paging["next"] = call.next_link({"after": str(stop), "limit": str(limit)})
        return {"data": data, "paging": paging} if data else {"data": []}


class Page:
    """A Facebook Page."""

    default_fields = parse_fields("id,name")

    def __init__(self, account: Account) -> None:
        self.owner = account
        self.id = account.external_id

    def require_scope(self) -> None:
        """Its name needs none, its followers do: see `field`."""

    def field(self, call: Call, wanted: Field) -> Any:
        match wanted.name:
            case "id":
                return self.id
            case "name":
                return self.owner.display_name
            case "username":
                return self.owner.username or None
            case "link":
                return f"https://www.facebook.com/{self.id}"
            case "category":
                return "Business"
            case "followers_count" | "fan_count":
                _require_engagement_scope(self.owner)
                return call.world.followers(self.owner, call.now)
            case "access_token":
                return page_token(call.state.tokens, self.owner, call.session.token, call.now)
            case "tasks":
                return TASKS
            case "instagram_business_account":
                return self._instagram_account(call, wanted)
        raise unknown_field(wanted.name, "Page")

    def _instagram_account(self, call: Call, wanted: Field) -> dict[str, Any] | None:
        linked = [each for each in call.world.accounts_of("instagram") if each.page_id == self.id]
        if not linked:
            return None
        known = {"id": linked[0].external_id, "username": linked[0].username, "name": linked[0].display_name}
        return {"id": known["id"]} | {each.name: known[each.name] for each in wanted.children if each.name in known}

    def edge(self, call: Call, name: str) -> dict[str, Any]:
        if name == "insights":
            return page_insights(call, self.owner)
        if name not in ("published_posts", "posts", "feed"):
            raise unknown_field(name, "Page")
        if call.session.kind != "page":
            raise posts_need_page_token()
        _require_engagement_scope(self.owner)
        if name == "feed" and not granted(self.owner, "pages_read_user_content"):
            raise permission_missing("pages_read_engagement")  # the platform names the wrong one
        refuse_too_much(read_limit(call.params), call.fields)
        page = page_of(self._listed(call), call.params, call.link)
        call.posts.update(post.post_id for post in page.posts)
        data = [render(call, PagePost(post, self.owner), call.fields) for post in page.posts]
        return {"data": data} if page.paging is None else {"data": data, "paging": page.paging}

    def _listed(self, call: Call) -> Sequence[Post]:
        posts, most = call.world.posts_of(self.owner, call.now), call.world.facebook.posts_listed_per_year
        if len(posts) <= most:
            return posts
        years: Counter[int] = Counter()
        listed = []
        for post in posts:
            year = post.published_at.year
            years[year] += 1
            if years[year] <= most:
                listed.append(post)
        return listed


class PagePost:
    """A post of a Page, id `{page}_{post}`."""

    default_fields = parse_fields("created_time,message,id")

    def __init__(self, post: Post, owner: Account) -> None:
        self.post, self.owner = post, owner
        self.id = post.post_id

    def require_scope(self) -> None:
        _require_engagement_scope(self.owner)

    def field(self, call: Call, wanted: Field) -> Any:
        call.posts.add(self.id)
        post = self.post
        match wanted.name:
            case "insights":
                return post_insights(call.expansion(wanted, self.id), post, self.owner, self.id)
            case "id":
                return self.id
            case "reactions" | "likes" | "comments":
                return self._engagement(call, wanted)
            case "message":
                return post.text or None
            case "created_time" | "updated_time":
                return wire_time(post.published_at)
            case "permalink_url":
                return self._permalink()
            case "full_picture":
                return f"https://scontent.xx.fbcdn.net/{self.id}.jpg" if self._kind()[0] else None
            case "status_type":
                return self._kind()[2]
            case "is_published":
                return True
            case "is_hidden":
                return False
            case "promotable_id":
                return self.id
            case "parent_id" | "story" | "privacy" | "properties":
                return None  # known names of which the world has nothing
            case "from":
                return {"name": self.owner.display_name, "id": self.owner.external_id}
            case "attachments":
                for child in wanted.children:
                    if child.name not in _ATTACHMENT_FIELDS:
                        raise unknown_field(child.name, "StoryAttachment")
                media_type, attachment_type, _ = self._kind()
                target = {"target": {"id": video_id_of(post)}} if post.post_type in VIDEO_TYPES else {}
                part = {"media_type": media_type, "type": attachment_type, "url": self._permalink(), **target}
                part |= {"title": post.text} if post.text else {}
                return {"data": [part]} if media_type else None
            case "shares":
                count = call.figure(post, "shares")
                return {"count": count} if count else None  # the real one leaves `shares` out at 0 as well
        raise unknown_field(wanted.name, "PagePost")

    def edge(self, call: Call, name: str) -> dict[str, Any]:
        if name == "insights":
            call.posts.add(self.id)
            return post_insights(call, self.post, self.owner, self.id)
        if name in ("reactions", "likes", "comments"):
            call.posts.add(self.id)
            return self._engagement(call, Field(name, call.params))
        raise unknown_field(name, "PagePost")

    def _kind(self) -> tuple[str | None, str | None, str]:
        return _KIND_OF_ATTACHMENT.get(self.post.post_type, (None, None, "mobile_status_update"))

    def _permalink(self) -> str:
        if self.post.url:
            return self.post.url
        if self.post.post_type == "reel":
            return f"https://www.facebook.com/reel/{video_id_of(self.post)}/"
        if self.post.post_type == "video":
            return f"https://www.facebook.com/{self.owner.external_id}/videos/{video_id_of(self.post)}/"
        return f"https://www.facebook.com/{self.owner.external_id}/posts/{self.id.rpartition('_')[2]}"

    def _engagement(self, call: Call, wanted: Field) -> dict[str, Any]:
        """An edge with its count; who reacted and what they wrote is not in the world. No summary = withheld."""
        for name, allowed in _ARGUMENTS[wanted.name].items():
            if wanted.arguments.get(name, allowed[0]) not in allowed:
                raise bad_parameter(f"{name} must be one of the following values: {', '.join(allowed)}")
        if not granted(self.owner, "pages_read_user_content"):
            raise permission_missing("pages_read_user_content")
        total = self._count(call, wanted)
        if total is None or wanted.arguments.get("summary", "false") in ("false", "0"):
            return {"data": []}
        if wanted.name == "comments":
            return {"data": [], "summary": {"order": "ranked", "total_count": total, "can_comment": True}}
        return {"data": [], "summary": {"total_count": total, "viewer_reaction": "NONE"}}

    def _count(self, call: Call, wanted: Field) -> int | None:
        reading = call.world.observation(self.post, call.now)
        if reading is None:
            return 0
        if wanted.name == "comments":
            return reading.comments
        figures: Mapping[str, int] = call.figures(self.post)
        kind = "LIKE" if wanted.name == "likes" else wanted.arguments.get("type", "NONE")
        if kind == "NONE":
            return reactions_total(figures)
        return figures.get(REACTION_COLUMNS[_REACTION_OF_TYPE[kind]]) if kind in _REACTION_OF_TYPE else 0


class Video:
    """A video or reel, bare numeric id. Its insights are at `video_insights`; `insights` is the post's."""

    default_fields = parse_fields("id,title")

    def __init__(self, post: Post, owner: Account, video_id: str) -> None:
        self.post, self.owner = post, owner
        self.id = video_id

    def require_scope(self) -> None:
        _require_engagement_scope(self.owner)

    def field(self, call: Call, wanted: Field) -> Any:
        call.posts.add(self.post.post_id)
        match wanted.name:
            case "id":
                return self.id
            case "title" | "description":
                return self.post.text or None
            case "post_id":
                return self.post.post_id
            case "created_time":
                return wire_time(self.post.published_at)
            case "length":
                return self.post.duration_s
            case "views" | "post_views":
                return call.figure(self.post, "video_views")
            case "permalink_url":
                return f"/{self.owner.external_id}/videos/{self.id}/"
            case "video_insights":
                return video_insights(call.expansion(wanted, self.id), self.post, self.owner, self.id)
        raise unknown_field(wanted.name, "Video")

    def edge(self, call: Call, name: str) -> dict[str, Any]:
        if name != "video_insights":
            raise unknown_field(name, "Video")
        call.posts.add(self.post.post_id)
        return video_insights(call, self.post, self.owner, self.id)
