"""X's account itself: its id, its levels, calls about it.

Source: platforms/x.md §3, §7. Not here: posts (twitter.py).
"""

from collections.abc import Mapping
from datetime import UTC, date
from typing import Any, Final

from analytics_pipeline.platform_fetchers import twitter_wire as wire
from analytics_pipeline.platform_fetchers.exceptions import (
    BadDataError,
    ConfigurationError,
    PostNotFoundError,
    TransientError,
)
from analytics_pipeline.platform_fetchers.metrics import AccountDay
from analytics_pipeline.platform_fetchers.twitter_extras import TwitterExtras
from analytics_pipeline.platform_fetchers.twitter_metrics import USER_METRICS

MOST_LISTED: Final = 3200


class TwitterAccount(TwitterExtras):
    """Reads one account. `user_id` is its id; without it the owner of the token is asked for when needed."""

    def __init__(self, access_token: str, *, user_id: str | None, **options: Any) -> None:
        super().__init__(access_token, **options)
        self._user_id = user_id if user_id is None else self._checked_id(user_id)

    def fetch_user_metrics(self, user_id: str) -> dict[str, int | None]:
        """An account's current levels: followers_count, following_count, tweet_count, listed_count, like_count."""
        return self._user_metrics(f"/2/users/{self._checked_id(user_id)}")

    def fetch_account_days(self, first: date, last: date) -> list[AccountDay]:
        """Today's follower count if today (UTC) is asked for: X keeps no history of accounts.

        `unlisted` tells when the account has more posts than X lists.
        """
        today = self._clock().astimezone(UTC).date()
        if not first <= today <= last:
            return []
        metrics = self._user_metrics("/2/users/me" if self._user_id is None else f"/2/users/{self._user_id}")
        posts = metrics["tweet_count"] or 0
        if posts > MOST_LISTED:
            self.unlisted = f"twitter: of {posts:,} posts X lists the newest {MOST_LISTED:,}: older ones may be missing"
        followers = metrics["followers_count"]
        return [] if followers is None else [AccountDay(today, {"followers": followers})]

    def _user_metrics(self, path: str) -> dict[str, int | None]:
        users = self._account_call(path, {"user.fields": "public_metrics"}).posts
        self._charge_users(users.keys())
        if not users:
            raise BadDataError("twitter: the answer holds no user", self.platform)
        return self._parse_analytics_response(next(iter(users.values())), USER_METRICS)

    def _own_id(self) -> str:
        if self._user_id is None:
            self._user_id = next(iter(self._account_call("/2/users/me", {}).posts), None)
            self._charge_users([self._user_id] if self._user_id else [])
        if self._user_id is None:
            raise BadDataError("twitter: the answer does not say whose token it is", self.platform)
        return self._user_id

    def _checked_id(self, user_id: str) -> str:
        if not wire.is_id(user_id):
            message = f"twitter: {user_id[:80]!r} is no user id: up to 19 digits are expected"
            raise ConfigurationError(message, self.platform)
        return user_id

    def _account_call(self, path: str, params: Mapping[str, str | int]) -> wire.Reply:
        """The answer of a call about an account, whose 404 is no deleted post."""
        try:
            reply = wire.read_reply(self._make_request("GET", path, params=params))
            if reply.unbound and not reply.posts and reply.next_token is None:
                raise self._problem(reply.unbound[0])
        except PostNotFoundError as error:
            message = f"twitter: there is no such account ({path}): {error.message}"
            raise ConfigurationError(message, self.platform, error.status_code) from None
        except ConfigurationError as error:
            if "pagination_token" not in params:
                raise
            # The page before was asked for with the same words, but for the token: tokens expire (x.md §3).
            raise TransientError(f"{error.message} (the listing begins again)", self.platform, 400) from None
        return reply
