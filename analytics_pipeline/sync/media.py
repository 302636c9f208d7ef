"""Videos that several posts of an account carry: whose their figures are, the same one for every run and process.

Here: rows of `media_owners`. Not here: who becomes the owner (platform_fetchers).
"""

from collections.abc import Mapping

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from analytics_pipeline.database.models import MediaOwner


def owners(session: Session, account_id: int) -> dict[str, str]:
    """The post that the figures of each video are given to, by media key."""
    statement = select(MediaOwner.media_key, MediaOwner.platform_post_id).where(
        MediaOwner.social_account_id == account_id
    )
    return {row.media_key: row.platform_post_id for row in session.execute(statement)}


def remember(session: Session, account_id: int, before: Mapping[str, str], now: Mapping[str, str]) -> None:
    """Keeps the owners that are in `now` and not in `before`. Nobody loses a video: its views would be counted twice."""
    if new := sorted(now.items() - before.items()):
        keys, posts = zip(*new, strict=True)
        session.execute(_KEEP, {"account": account_id, "keys": list(keys), "posts": list(posts)})


# Arrays in place of a row for every video. Whoever was first stays.
_KEEP = text("""
INSERT INTO media_owners (social_account_id, media_key, platform_post_id)
SELECT :account, key, post FROM unnest(CAST(:keys AS text[]), CAST(:posts AS text[])) AS new (key, post)
ON CONFLICT DO NOTHING
""")
