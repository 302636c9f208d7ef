"""What one running sandbox knows beyond its world: the time, tokens, counters, faults to come, the request log.

Not here: HTTP and sockets (server.py), what any platform answers.

How to write a platform module
------------------------------
A platform is a module of this package with two functions, named in one line of `server.DIALECTS`:

    def answer(state: SandboxState, request: Request) -> Reply: ...
        every request below /<platform>. `request.path` starts with "/" and is decoded, `request.raw_path` and
        `request.raw_query` are as sent, `request.params` / `request.form` decoded; `request.at` is the world time of
        the whole exchange (use it, not the clock, so that one reply is of one moment).
    def failure(request: Request, status: int) -> Reply: ...
        the platform's own body for a scripted 429 or 5xx.

Inside `answer`:
- `state.tokens.find(platform, request.token)` → Token | None; `token.state_at(request.at)`, `token.allows(scope)`,
  `token.account`. The platform words each refusal itself. `request.account` is already set, for the log.
- `state.world` has the look-ups: `posts_of(account, at)` newest first, `post(platform, id, at)`, `observation(post, at)`,
  `days(account, metric)`, `followers(account, at)`.
- `state.limits.take_account(account, at)` is the limit the world gives this account (None: no such limit), and
  `state.limits.take(key, limit, seconds, at)` counts any window of the platform's own; both return an Allowance.
- answer with `reply(status, content, headers, posts=how many posts it carries, calls=how many calls it counts for)`.
  The server logs it, adds Date from the world clock, and applies scripted faults. A raised exception is a bug: 500.
"""

from collections import defaultdict
from datetime import date
from threading import Lock

from analytics_pipeline.sandbox.clock import WorldClock
from analytics_pipeline.sandbox.faults import FaultScript
from analytics_pipeline.sandbox.limits import RateLimits
from analytics_pipeline.sandbox.model import World
from analytics_pipeline.sandbox.tokens import TokenStore
from analytics_pipeline.sandbox.webhooks import Webhooks
from analytics_pipeline.sandbox.wire import Reply, Request, RequestRecord, without_secrets


class SandboxState:
    """One per server. Platform modules read and count here; they keep nothing of their own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.clock = WorldClock(world.clock)
        self.limits = RateLimits()
        self.tokens = TokenStore(world)
        self.faults = FaultScript(world.faults)
        self.webhooks = Webhooks(world)
        """Meta only: who is told of events, and what is on its way."""
        self.started_at = self.clock.now()
        self.billed: dict[date, dict[tuple[str, str], str]] = defaultdict(dict)
        """X only: what was billed on each UTC day: (`post` or `user`, id) → name of its price in x.md §6."""
        self._records: list[RequestRecord] = []
        self._lock = Lock()

    def record(self, request: Request, answer: Reply, fault: str = "") -> None:
        """Writes the request into the log; the server does this for every one."""
        entry = RequestRecord(
            platform=request.platform,
            account=request.account.external_id if request.account else None,
            method=request.method,
            path=request.path,
            query=without_secrets(request.raw_query),
            status=answer.status,
            posts_returned=answer.posts,
            calls=answer.calls,
            at=request.at,
            fault=fault,
            form=without_secrets(request.raw_form),
        )
        with self._lock:
            self._records.append(entry)

    @property
    def records(self) -> list[RequestRecord]:
        """A copy of the log, oldest first."""
        with self._lock:
            return list(self._records)

    def clear_records(self) -> None:
        with self._lock:
            self._records.clear()
