"""The sandbox's world in memory: accounts, posts, readings over time, account days, settings.

Here: the rows, their meaning, and quick look-ups by token, account, post and time.
Not here: files (world.py), invented data (generator.py), how a platform words any of it (linkedin.py and its kin).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from analytics_pipeline.sandbox.faults import Fault
from analytics_pipeline.sandbox.platforms import PLATFORMS

TOKEN_STATES = ("valid", "expired", "revoked", "unknown", "missing_scope", "password_changed", "logged_out")


class WorldError(ValueError):
    """A row that cannot be part of a world. `table` is the CSV file's name without its ending, `row` counts from 0."""

    def __init__(self, table: str, row: int, reason: str) -> None:
        super().__init__(f"{table}, row {row + 1}: {reason}")
        self.table, self.row, self.reason = table, row, reason


@dataclass(slots=True)
class Account:
    """One page or profile with the token that opens it. Columns are explained in docs/world.md."""

    platform: str
    external_id: str
    display_name: str = ""
    business: str = ""
    username: str = ""
    timezone: str = "UTC"
    access_token: str = ""
    refresh_token: str = ""
    token_state: str = "valid"  # noqa: S105 - a word, not a password
    scopes: frozenset[str] = frozenset()
    followers: int | None = None
    login: str = ""
    page_id: str = ""
    rate_limit_after: int | None = None
    rate_limit_seconds: float | None = None
    rate_limit_once: bool = False

    @property
    def key(self) -> tuple[str, str]:
        return (self.platform, self.external_id)


@dataclass(slots=True)
class Post:
    """One item. `external_id` names its account, `post_id` is the id as the platform writes it (LinkedIn: the URN).

    `edited_at`: when its author changed it in place (LinkedIn). `edit_of`: the earlier version this one replaced (X).
    `reshare_of`: the id of the reposted original.
    `parent_id`: the album this item is a part of (Instagram carousel children); such items are never listed.
    `flags`: words that a platform module gives a meaning (Instagram: pre_conversion, shared_to_facebook, no_shares; Facebook
    and Instagram: insights_refused; LinkedIn: dark).
    """

    platform: str
    external_id: str
    post_id: str
    published_at: datetime
    post_type: str = "text"
    text: str = ""
    url: str = ""
    deleted_at: datetime | None = None
    edited_at: datetime | None = None
    media_id: str = ""
    duration_s: float | None = None
    edit_of: str = ""
    reshare_of: str = ""
    parent_id: str = ""
    flags: frozenset[str] = frozenset()

    def visible(self, at: datetime) -> bool:
        """Published by then and not yet deleted."""
        return self.published_at <= at and (self.deleted_at is None or at < self.deleted_at)


@dataclass(slots=True)
class Observation:
    """The lifetime figures of one post from `observed_at` on, until a newer row replaces them.

    None = the platform does not report that figure for this post. `likes` are plain likes (LinkedIn: `likeCount`),
    `watch_time_ms` milliseconds, everything else a count. Negative figures are handed out as they are.
    """

    platform: str
    post_id: str
    observed_at: datetime
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None
    quotes: int | None = None
    bookmarks: int | None = None
    impressions: int | None = None
    reach: int | None = None
    clicks: int | None = None
    url_clicks: int | None = None
    profile_clicks: int | None = None
    engagements: int | None = None
    follows: int | None = None
    video_views: int | None = None
    watch_time_ms: int | None = None
    reaction_love: int | None = None
    reaction_wow: int | None = None
    reaction_haha: int | None = None
    reaction_sad: int | None = None
    reaction_anger: int | None = None
    reaction_praise: int | None = None
    reaction_support: int | None = None


@dataclass(slots=True)
class AccountDay:
    """One figure of one account on one day of the platform's own calendar (docs/world.md lists the metric names)."""

    platform: str
    external_id: str
    day: date
    metric: str
    value: int


@dataclass(slots=True)
class ClockSettings:
    """`real` follows the wall clock, `fixed` stands at `start` until it is moved."""

    mode: str = "real"
    start: datetime | None = None


@dataclass(slots=True)
class OAuthSettings:
    """The one registered app of the sandbox, for every platform's token endpoint."""

    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"  # noqa: S105 - a made-up app of a local simulator


@dataclass(slots=True)
class LinkedInSettings:
    """linkedin.md: versions §1, window §3, list sizes and tiers §3 and §6."""

    active_versions: list[str] = field(
        default_factory=lambda: ["202511", *(f"2026{month:02d}" for month in range(1, 10))]
    )
    daily_quota: int = 100_000
    """Calls per UTC day, per token and resource; at most 100 in the development tier."""
    app_daily_quota: int = 1_000_000
    """Calls per UTC day and resource, of all tokens together; at most 500 in the development tier."""
    history_days: int = 365
    """Statistics reach this far back, counted from the world clock."""
    development_tier: bool = False
    """Refuses BATCH_GET."""
    spurious_revocation_seconds: int = 0
    """A token just minted answers 65601 for so long."""
    short_pages: bool = False
    """The posts finder leaves every page one short of `count` though more posts exist."""
    next_links: bool = True
    """Pages of a list that others follow carry `links.next`; without it only an empty page ends a list."""
    withhold_unique_impressions: bool = False
    """Per-post statistics come without `uniqueImpressionsCount`."""


@dataclass(slots=True)
class TwitterSettings:
    """x.md: problem types §5, private window §7, timeline reach §3, billing §6."""

    type_host: str = "api.twitter.com"
    missing_post_status: int = 200
    """What a single unknown post answers with: 200 (only `errors`) or 404."""
    rate_limit_body: str = "problem"
    """`problem` (title, detail, type, status) or `code88` (the v1 envelope)."""
    private_days: int = 30
    refused_private: str = "drop"
    """What a refusal of private figures costs: `drop` the whole post or media, `keep` only these figures."""
    timeline_cap: int = 3200
    monthly_cap: int | None = None
    """Post reads per calendar month before `usage-capped`."""
    credits: int | None = None
    """Billed reads before 402 CreditsDepleted."""
    app_owner: str = ""
    """External id of the account that owns the developer app: its own timeline costs the owned price."""
    app_token: str = ""
    """An app-only bearer: public figures only, refused where a user is needed."""
    empty_pages: bool = False
    """Timelines start with a legal page of `result_count` 0 that carries a `next_token`."""
    string_counters: bool = False
    """Media analytics answers its counters as strings."""
    not_enrolled: list[str] = field(default_factory=list)
    """Endpoints, by name, that the app's plan does not have: 403 client-forbidden."""
    window_limits: dict[str, int] = field(default_factory=dict)
    """Calls per 15 minutes by endpoint name, in place of the documented ones."""
    retired_fields: list[str] = field(default_factory=list)
    """Fields that are unknown by now, each with its parameter: `tweet.fields=non_public_metrics`."""


@dataclass(slots=True)
class MetaSettings:
    """What both Graph hosts share."""

    versions: list[str] = field(default_factory=lambda: ["v21.0", "v22.0", "v23.0", "v24.0", "v25.0", "v26.0"])
    """Usable versions, oldest first. An older one in the path is answered by the oldest of these."""
    require_app_secret: bool = False
    """Refuses calls without `appsecret_proof`, as an app does that has "Require App Secret" switched on."""


@dataclass(slots=True)
class FacebookSettings:
    retired_metrics: list[str] = field(default_factory=list)
    posts_listed_per_year: int = 600
    """Of all posts of a calendar year (UTC) lists show the newest so many; the others can only be read by id."""


@dataclass(slots=True)
class InstagramSettings:
    retired_metrics: list[str] = field(default_factory=list)
    token_errors_in_envelope: bool = False
    """Whether the token endpoints of Instagram login refuse in Graph's envelope, like all other endpoints."""


@dataclass
class World:
    """Everything the simulated platforms know. Rows may come in any order; look-ups are built once, on creation."""

    name: str = "world"
    accounts: list[Account] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)
    account_days: list[AccountDay] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    clock: ClockSettings = field(default_factory=ClockSettings)
    oauth: OAuthSettings = field(default_factory=OAuthSettings)
    linkedin: LinkedInSettings = field(default_factory=LinkedInSettings)
    twitter: TwitterSettings = field(default_factory=TwitterSettings)
    meta: MetaSettings = field(default_factory=MetaSettings)
    facebook: FacebookSettings = field(default_factory=FacebookSettings)
    instagram: InstagramSettings = field(default_factory=InstagramSettings)

    def __post_init__(self) -> None:
        self._accounts: dict[tuple[str, str], Account] = {}
        self._posts: dict[tuple[str, str], Post] = {}
        self._by_account: dict[tuple[str, str], list[Post]] = defaultdict(list)
        self._observations: dict[tuple[str, str], list[Observation]] = defaultdict(list)
        self._days: dict[tuple[str, str], dict[str, dict[date, int]]] = defaultdict(lambda: defaultdict(dict))
        self._children: dict[tuple[str, str], list[Post]] = defaultdict(list)
        self._edits: dict[tuple[str, str], Post] = {}
        self._by_media: dict[tuple[str, str], list[Post]] = defaultdict(list)
        self._visible: dict[tuple[str, str], tuple[int, list[Post]]] = {}
        self._index_accounts()
        self._index_posts()
        self._index_figures()

    def _index_accounts(self) -> None:
        for row, account in enumerate(self.accounts):
            if account.platform not in PLATFORMS:
                raise WorldError("accounts", row, f"unknown platform {account.platform!r}")
            if account.token_state not in TOKEN_STATES:
                raise WorldError("accounts", row, f"token_state {account.token_state!r} is none of {TOKEN_STATES}")
            if account.key in self._accounts:
                raise WorldError(
                    "accounts", row, f"{account.platform} account {account.external_id} stands there twice"
                )
            self._accounts[account.key] = account

    def _index_posts(self) -> None:
        for row, post in enumerate(self.posts):
            owner, key = (post.platform, post.external_id), (post.platform, post.post_id)
            if owner not in self._accounts:
                raise WorldError("posts", row, f"no {post.platform} account {post.external_id}")
            if key in self._posts:
                raise WorldError("posts", row, f"{post.platform} post {post.post_id} stands there twice")
            self._posts[key] = post
            if post.media_id:
                self._by_media[post.platform, post.media_id].append(post)
            if post.parent_id:
                self._children[post.platform, post.parent_id].append(post)
            else:
                self._by_account[owner].append(post)
        for row, post in enumerate(self.posts):
            for column, other in (("edit_of", post.edit_of), ("parent_id", post.parent_id)):
                if other and (other == post.post_id or (post.platform, other) not in self._posts):
                    raise WorldError("posts", row, f"{column} names {other}, which is no other {post.platform} post")
            if post.edit_of:
                if self._posts[post.platform, post.edit_of].published_at >= post.published_at:
                    raise WorldError("posts", row, f"edit_of names {post.edit_of}, which is not older than this post")
                self._edits[post.platform, post.edit_of] = post
        for posts in self._by_account.values():
            posts.sort(key=lambda post: (post.published_at, post.post_id), reverse=True)
        moments = {post.published_at for post in self.posts} | {p.deleted_at for p in self.posts if p.deleted_at}
        self._moments = sorted(moments)

    def _index_figures(self) -> None:
        for row, reading in enumerate(self.observations):
            key = (reading.platform, reading.post_id)
            if key not in self._posts:
                raise WorldError("observations", row, f"no {reading.platform} post {reading.post_id}")
            self._observations[key].append(reading)
        for readings in self._observations.values():
            readings.sort(key=lambda reading: reading.observed_at)
        for row, figure in enumerate(self.account_days):
            key = (figure.platform, figure.external_id)
            if key not in self._accounts:
                raise WorldError("account_days", row, f"no {figure.platform} account {figure.external_id}")
            if figure.day in self._days[key][figure.metric]:
                raise WorldError("account_days", row, f"{figure.metric} of {figure.day} stands there twice")
            self._days[key][figure.metric][figure.day] = figure.value
        for by_metric in self._days.values():
            for metric, days in by_metric.items():
                by_metric[metric] = dict(sorted(days.items()))

    def account(self, platform: str, external_id: str) -> Account | None:
        return self._accounts.get((platform, external_id))

    def accounts_of(self, platform: str) -> list[Account]:
        return [account for account in self.accounts if account.platform == platform]

    def post(self, platform: str, post_id: str, at: datetime) -> Post | None:
        """The post if it can be seen at `at`; None when unknown, not yet published or deleted."""
        post = self._posts.get((platform, post_id))
        return post if post is not None and self.visible(post, at) else None

    def visible(self, post: Post, at: datetime) -> bool:
        """As `Post.visible`; deleting any version of an edited post deletes all (x.md §7)."""
        return post.visible(at) and all(version.visible(at) for version in self.edit_chain(post, at))

    def posts_of(self, account: Account, at: datetime) -> Sequence[Post]:
        """What can be seen of an account at `at`, newest first; without album children and replaced versions."""
        era = bisect_right(self._moments, at)
        cached = self._visible.get(account.key)
        if cached is None or cached[0] != era:
            posts = [
                post
                for post in self._by_account.get(account.key, ())
                if self.visible(post, at) and not self._replaced(post, at)
            ]
            cached = self._visible[account.key] = (era, posts)
        return cached[1]

    def _replaced(self, post: Post, at: datetime) -> bool:
        newer = self._edits.get((post.platform, post.post_id))
        return newer is not None and newer.published_at <= at

    def edit_chain(self, post: Post, at: datetime) -> list[Post]:
        """All versions of a post known at `at`, oldest first."""
        while post.edit_of:
            post = self._posts[post.platform, post.edit_of]
        chain = [post]
        while (newer := self._edits.get((post.platform, post.post_id))) is not None and newer.published_at <= at:
            chain.append(newer)
            post = newer
        return chain

    def children(self, post: Post) -> Sequence[Post]:
        """The items of an album, in the order of the file."""
        return self._children.get((post.platform, post.post_id), ())

    def posts_with_media(self, platform: str, media_id: str) -> Sequence[Post]:
        return self._by_media.get((platform, media_id), ())

    def observation(self, post: Post, at: datetime) -> Observation | None:
        """The newest reading with `observed_at` ≤ `at`, or None when there is none yet."""
        readings = self._observations.get((post.platform, post.post_id))
        if not readings:
            return None
        place = bisect_right(readings, at, key=lambda reading: reading.observed_at)
        return readings[place - 1] if place else None

    def days(self, account: Account, metric: str) -> dict[date, int]:
        """A daily figure of an account by day, oldest first; empty when the world has none."""
        return self._days[account.key][metric] if account.key in self._days else {}

    def followers(self, account: Account, at: datetime) -> int | None:
        """The newest `followers` figure of account_days up to that UTC day, otherwise the account's own column."""
        today = at.astimezone(UTC).date()
        days = self.days(account, "followers")
        return next((days[day] for day in reversed(days) if day <= today), account.followers)
