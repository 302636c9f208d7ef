"""Webhooks of both Meta hosts: the handshake, subscriptions of accounts, signed events and their retries.

Source: facebook.md section 9, instagram.md section 8. They are for receivers that others write: nothing in the pipeline is
one. Not here: the calls that are answered (graph.py).
"""

import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import requests

from analytics_pipeline.sandbox.model import Account, World

LARGEST: Final = 1000
"""Changes in one delivery."""
DROPPED_AFTER: Final = timedelta(hours=36)
WAITS: Final = tuple(timedelta(minutes=n) for n in (0, 1, 5, 15, 60, 180, 360, 720))
"""Between the attempts at one delivery: the first at once, the last again and again."""

_FIELDS: Final = {
    "page": ("feed",),
    "Facebook login": ("comments", "live_comments", "mentions", "story_insights"),
    "Instagram login": ("comments", "live_comments"),
}
_SECONDS: Final = 5


@dataclass(slots=True)
class _Delivery:
    body: bytes
    first_at: datetime
    next_at: datetime
    attempts: int = 0


def fields_of(account: Account) -> Sequence[str]:
    """The fields that an account can be subscribed to."""
    if account.platform == "facebook":
        return _FIELDS["page"]
    return _FIELDS["Instagram login" if account.login == "instagram" else "Facebook login"]


class Webhooks:
    """The app's callback, which accounts it is told of, and what is on its way. Times are the world's."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._callback: str | None = None
        self._subscribed: dict[tuple[str, str], tuple[str, ...]] = {}
        self._pending: list[_Delivery] = []

    def register(self, callback: str, verify_token: str) -> None:
        """What the app's dashboard does: asks the callback to repeat a number. Raises ValueError unless it does."""
        challenge = str(secrets.randbelow(10**9))
        parameters = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
        answer = requests.get(callback, params=parameters, timeout=_SECONDS)
        if answer.status_code != 200 or answer.text != challenge:
            raise ValueError("the callback did not repeat the challenge")
        self._callback = callback

    def subscribe(self, account: Account, fields: Sequence[str]) -> None:
        """The app is told of these fields of the account from now on."""
        self._subscribed[account.key] = tuple(fields)

    def subscribed(self, account: Account) -> Sequence[str]:
        """The fields that the app is told of. Those of an Instagram account with Facebook login hang on its Page."""
        page = ("facebook", account.page_id)
        if account.platform == "instagram" and account.login != "instagram" and page in self._subscribed:
            return fields_of(account)
        return self._subscribed.get(account.key, ())

    def emit(self, account: Account, changes: Sequence[tuple[str, Mapping[str, Any]]], at: datetime) -> None:
        """Something happened to an account: (field, value) each. What nobody subscribed to is not told."""
        told = [{"field": field, "value": value} for field, value in changes if field in self.subscribed(account)]
        for start in range(0, len(told), LARGEST):
            some = told[start : start + LARGEST]
            entry = {"id": account.external_id, "time": int(at.timestamp())}
            own = account.platform == "instagram" and account.login == "instagram"
            entries = [entry | change for change in some] if own else [entry | {"changes": some}]
            content = {"object": "page" if account.platform == "facebook" else "instagram", "entry": entries}
            self._pending.append(_Delivery(json.dumps(content, separators=(",", ":")).encode(), at, at))

    def deliver(self, now: datetime) -> list[int]:
        """Sends what is due, each once; the statuses that came back, 0 for none. What is not taken for 36 h is dropped."""
        self._pending = [each for each in self._pending if now - each.first_at < DROPPED_AFTER]
        due = [each for each in self._pending if each.next_at <= now]
        statuses = []
        for delivery in due:
            statuses.append(self._send(delivery.body))
            if statuses[-1] == 200:
                self._pending.remove(delivery)
            else:
                delivery.next_at = now + WAITS[min(delivery.attempts, len(WAITS) - 1)]
                delivery.attempts += 1
        return statuses

    def _send(self, body: bytes) -> int:
        if self._callback is None:
            return 0
        signature = hmac.new(self._world.oauth.client_secret.encode(), body, "sha256").hexdigest()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}"}
        try:
            return requests.post(self._callback, data=body, headers=headers, timeout=_SECONDS).status_code
        except requests.RequestException:
            return 0
