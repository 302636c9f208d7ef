"""The objects of Instagram in the graph: professional accounts and their media.

Here: fields and edges (instagram.md sections 1 to 3), what each login shows, how long a story lives. Not here: insights.
"""

import secrets
import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from analytics_pipeline.sandbox.graph import Call, refuse_too_much, render
from analytics_pipeline.sandbox.graph_errors import unknown_field
from analytics_pipeline.sandbox.graph_fields import Field, parse_fields
from analytics_pipeline.sandbox.graph_paging import page_of, read_limit, wire_time
from analytics_pipeline.sandbox.instagram_insights import account_insights, media_insights
from analytics_pipeline.sandbox.instagram_metrics import FEED, REELS, STORY, views
from analytics_pipeline.sandbox.instagram_scopes import require_basic_scope
from analytics_pipeline.sandbox.model import Account, Post

STORY_LIFE = timedelta(hours=24)
REACHABLE_MEDIA = 10_000

_FACEBOOK_LOGIN_ONLY = frozenset({
    "ig_id", "legacy_instagram_media_id", "view_count", "boost_eligibility_info", "copyright_check_information",
    "has_poll", "has_slider",
})  # fmt: skip
_SHORTCODE_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def find(call: Call, object_id: str) -> "InstagramUser | Media | None":
    """The object behind an id, when the token may read it. `me` and the app-scoped id are of Instagram login only."""
    session = call.session
    if session.kind == "instagram" and object_id in ("me", app_scoped_id(session.account)):
        return InstagramUser(session.account, app_scoped_id(session.account))
    if (account := call.world.account("instagram", object_id)) is not None:
        return InstagramUser(account, account.external_id) if session.opens(account) else None
    post = call.world.post("instagram", object_id, call.now)
    owner = call.world.account("instagram", post.external_id) if post is not None else None
    if post is None or owner is None or not session.opens(owner) or not is_alive(call, post):
        return None
    return Media(post, owner)


def is_alive(call: Call, post: Post) -> bool:
    """Stories are gone after 24 hours, everything else stays."""
    return post.post_type != "story" or call.now < post.published_at + STORY_LIFE


def app_scoped_id(account: Account) -> str:
    """The second number of an account, which Instagram login shows as `id`."""
    return f"9{zlib.crc32(account.external_id.encode()):016d}"


class InstagramUser:
    """A professional account."""

    default_fields = parse_fields("id")

    def __init__(self, account: Account, shown_id: str) -> None:
        self.owner = account
        self.id = shown_id

    def require_scope(self) -> None:
        require_basic_scope(self.owner)

    def field(self, call: Call, wanted: Field) -> Any:
        account = self.owner
        match wanted.name:
            case "id":
                return self.id
            case "username":
                return account.username or account.display_name
            case "name":
                return account.display_name
            case "followers_count":
                return call.world.followers(account, call.now)
            case "media_count":
                return sum(1 for post in call.world.posts_of(account, call.now) if post.post_type != "story")
            case "profile_picture_url":
                return f"https://scontent.cdninstagram.com/{account.external_id}.jpg"
            case "biography" | "website" | "follows_count":
                return None
            case "user_id" if account.login == "instagram":
                return account.external_id
            case "account_type" if account.login == "instagram":
                return "BUSINESS"
            case "ig_id" if account.login != "instagram":
                return zlib.crc32(account.external_id.encode())
        raise unknown_field(wanted.name, "IGUser")

    def edge(self, call: Call, name: str) -> dict[str, Any]:
        if name == "insights":
            return account_insights(call, self.owner)
        require_basic_scope(self.owner)
        if name in ("tags", "live_media"):
            return {"data": []}
        if name not in ("media", "stories"):
            raise unknown_field(name, "IGUser")
        refuse_too_much(read_limit(call.params), call.fields)
        posts = call.world.posts_of(self.owner, call.now)
        if name == "stories":
            posts = [post for post in posts if post.post_type == "story" and is_alive(call, post)]
        page = page_of(_reachable(posts), call.params, call.link)
        # Stories are sifted out behind the cut into pages: a page can be short, or empty, and still have a next one.
        shown = [post for post in page.posts if name == "stories" or post.post_type != "story"]
        call.posts.update(post.post_id for post in shown)
        data = [render(call, Media(post, self.owner), call.fields) for post in shown]
        return {"data": data} if page.paging is None else {"data": data, "paging": page.paging}


def _reachable(posts: Sequence[Post]) -> Sequence[Post]:
    """The latest 10,000 media, with the stories between them."""
    if len(posts) <= REACHABLE_MEDIA:
        return posts
    media = [place for place, post in enumerate(posts) if post.post_type != "story"]
    return posts[: media[REACHABLE_MEDIA]] if len(media) > REACHABLE_MEDIA else posts


class Media:
    """A post, reel, story, carousel or an item of one."""

    default_fields = parse_fields("id")

    def __init__(self, post: Post, owner: Account) -> None:
        self.post, self.owner = post, owner
        self.id = post.post_id

    @property
    def product(self) -> str:
        return {"reel": REELS, "story": STORY}.get(self.post.post_type, FEED)

    @property
    def media_type(self) -> str:
        if self.post.post_type == "carousel":
            return "CAROUSEL_ALBUM"
        is_video = self.post.post_type in ("video", "reel") or self.post.duration_s is not None
        return "VIDEO" if is_video else "IMAGE"

    def require_scope(self) -> None:
        require_basic_scope(self.owner)

    def field(self, call: Call, wanted: Field) -> Any:
        call.posts.add(self.id)
        if wanted.name in _FACEBOOK_LOGIN_ONLY and self.owner.login == "instagram":
            raise unknown_field(wanted.name, "IGMedia")
        post = self.post
        match wanted.name:
            case "id":
                return self.id
            case "caption":
                return post.text or None
            case "media_type":
                return self.media_type
            case "media_product_type":
                return self.product
            case "timestamp":
                return wire_time(post.published_at)
            case "permalink":
                return post.url or f"https://www.instagram.com/{self._folder()}/{self._shortcode()}/"
            case "shortcode":
                return self._shortcode()
            case "username":
                return self.owner.username or self.owner.display_name
            case "owner":
                return {"id": self.owner.external_id}
            case "media_url":
                # Addresses change with every call, as the real ones do: they are no identity.
                return f"https://scontent.cdninstagram.com/v/{self.id}.jpg?_nc_rid={secrets.token_hex(5)}"
            case "thumbnail_url":
                return f"https://scontent.cdninstagram.com/t/{self.id}.jpg" if self.media_type == "VIDEO" else None
            case "like_count" | "comments_count" | "view_count":
                return self._count(call, wanted.name)
            case "is_comment_enabled":
                return True
            case "is_shared_to_feed":
                return True if self.product == REELS else None
            case "ig_id" | "legacy_instagram_media_id":
                return str(zlib.crc32(self.id.encode()))
            case "alt_text" | "boost_eligibility_info" | "copyright_check_information":
                return None
            case "has_poll" | "has_slider" | "is_ai_generated":
                return False
            case "children":
                return self._children(call.expansion(wanted, self.id)) if post.post_type == "carousel" else None
            case "insights":
                return media_insights(call.expansion(wanted, self.id), post, self.owner, self.product)
        raise unknown_field(wanted.name, "IGMedia")

    def edge(self, call: Call, name: str) -> dict[str, Any]:
        call.posts.add(self.id)
        if name == "insights":
            return media_insights(call, self.post, self.owner, self.product)
        if name == "children":
            require_basic_scope(self.owner)
            return self._children(call)
        raise unknown_field(name, "IGMedia")

    def _children(self, call: Call) -> dict[str, Any]:
        items = (child for child in call.world.children(self.post) if child.visible(call.now))
        return {"data": [render(call, Media(child, self.owner), call.fields) for child in items]}

    def _count(self, call: Call, name: str) -> int | None:
        if name == "like_count" and self.product == STORY:
            return None
        if call.world.observation(self.post, call.now) is None:
            return 0
        figures = call.figures(self.post)
        return (
            views(figures)
            if name == "view_count"
            else figures.get(f"{name.removesuffix('s_count').removesuffix('_count')}s")
        )

    def _folder(self) -> str:
        return {REELS: "reel", STORY: f"stories/{self.owner.username}"}.get(self.product, "p")

    def _shortcode(self) -> str:
        number = int(self.id) if self.id.isdecimal() else zlib.crc32(self.id.encode())
        digits = ""
        while number:
            number, digit = divmod(number, 64)
            digits = _SHORTCODE_DIGITS[digit] + digits
        return digits or "A"
