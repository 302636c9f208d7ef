"""A database with years of readings: businesses, accounts, posts, 30 daily readings of each, account figures.

Here: rows, made within PostgreSQL and the same every time. Not here: what is measured on them. However many posts there
are, a publish day holds equally many: more posts are more days, so that one changed day is the same change.
"""

from datetime import date, timedelta

import psycopg

Connection = psycopg.Connection[tuple[object, ...]]

POSTS_PER_DAY = 80
"""One of each account."""

READINGS = 30
"""Of each post, on its publish day and the days after."""

LAST_READING = date(2026, 10, 31)
LAST_DAY = LAST_READING - timedelta(days=READINGS - 1)
"""The newest publish day."""

CHANGED_DAY = LAST_DAY - timedelta(days=10)
"""A publish day whose posts are among the last 90 days of their accounts, and whose week and month are over."""


def days_of(posts: int) -> int:
    """How many publish days so many posts fill."""
    return -(-posts // POSTS_PER_DAY)


_COUNTS = (
    "likes_count, comments_count, shares_count, reactions_count, retweets_count, quote_tweets_count, bookmarks_count,"
    " impressions, reach, clicks, url_clicks, profile_clicks, video_views, video_watch_time"
)

# Posts n = 0, 1, … go back in time, 80 a day, one of each account. A business has an account on each platform.
_MAKE_POSTS = """
INSERT INTO businesses (name, timezone)
SELECT 'Business ' || n, (ARRAY['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Tokyo', 'Australia/Sydney'])[1 + n % 5]
FROM generate_series(1, {accounts} / 4) AS n;

INSERT INTO social_accounts (business_id, platform, external_id)
SELECT b.id, p.name, p.name || b.id
FROM businesses b CROSS JOIN unnest(ARRAY['linkedin', 'twitter', 'facebook', 'instagram']) AS p (name)
ORDER BY b.id, p.name;

INSERT INTO content (id, business_id, body)
SELECT n, (n % {accounts}) / 4 + 1, repeat('x', n * 37 % 400) FROM generate_series(0, {posts} - 1, 2) AS n;

INSERT INTO images (content_id, url)
SELECT c.id, 'https://example.com/' || c.id || '/' || i
FROM content c CROSS JOIN LATERAL generate_series(1, c.id / 2 % 6) AS i;

INSERT INTO published_posts
    (business_id, social_account_id, content_id, platform, platform_post_id, post_type, published_at)
SELECT a.business_id, a.id, CASE WHEN n % 2 = 0 THEN n END, a.platform, 'post-' || n,
    (ARRAY['text', 'image', 'video', 'link'])[1 + n / {accounts} * 7 % 4],
    date '{last_day}' - n / {accounts} + interval '1 second' * (n::bigint * 7919 % 86400)
FROM generate_series(0, {posts} - 1) AS n
JOIN social_accounts a ON a.id = n % {accounts} + 1
ORDER BY n DESC;

INSERT INTO account_analytics
    (social_account_id, day, platform, followers, follower_gain, impressions, reach, clicks, likes, comments, shares,
    engagements, profile_views, fetched_at)
SELECT a.id, d.day, a.platform,
    a.id * a.id * 20 + (d.day - date '2020-01-01') * (a.id % 7), CASE WHEN a.platform = 'linkedin' THEN a.id % 7 END,
    900 + a.id, CASE WHEN a.platform <> 'twitter' THEN 700 + a.id END, 20, 30, 4, 3, 37, 9, d.day + interval '30 hours'
FROM social_accounts a
CROSS JOIN (
    SELECT date '{last_reading}' - n AS day FROM generate_series(0, {days} + {readings} - 2) AS n
) AS d
ORDER BY d.day, a.id
"""

# Figures grow towards the post's own limit; X tells no reach, and only videos have views.
_FIGURES = """
SELECT p.id, p.platform, p.platform_post_id, p.published_on,
    p.published_on + age - 1 + interval '6 hours' + interval '1 second' * (p.id % 3600) AS fetched_at,
    now.impressions / (20 + p.id % 9) AS likes_count, now.impressions / 300 AS comments_count,
    CASE WHEN p.platform <> 'instagram' THEN now.impressions / 400 END AS shares_count,
    now.impressions / 18 AS reactions_count,
    CASE WHEN p.platform = 'twitter' THEN now.impressions / 500 END AS retweets_count,
    CASE WHEN p.platform = 'twitter' THEN now.impressions / 2000 END AS quote_tweets_count,
    CASE WHEN p.platform IN ('twitter', 'instagram') THEN now.impressions / 900 END AS bookmarks_count,
    now.impressions, CASE WHEN p.platform <> 'twitter' THEN now.impressions * 3 / 4 END AS reach,
    CASE WHEN p.platform <> 'instagram' THEN now.impressions / 50 END AS clicks,
    CASE WHEN p.platform IN ('linkedin', 'twitter') THEN now.impressions / 90 END AS url_clicks,
    CASE WHEN p.platform = 'twitter' THEN now.impressions / 700 END AS profile_clicks,
    CASE WHEN p.post_type = 'video' THEN now.impressions / 3 END AS video_views,
    CASE WHEN p.post_type = 'video' THEN now.impressions * 4.0 END AS video_watch_time
FROM {posts_and_ages}
CROSS JOIN LATERAL (
    SELECT ((200 + p.id * 7919 % 50000) * (1 - exp(-age / 6.0)))::bigint AS impressions
) AS now
"""
_READ_AGAIN = """
(SELECT * FROM published_posts WHERE published_on BETWEEN '{first}' AND '{last}') p
CROSS JOIN LATERAL (SELECT date '{day}' - p.published_on + 1) AS ages (age)
"""
_STORE = """
INSERT INTO post_analytics (post_id, platform, platform_post_id, published_on, fetched_at, {counts},
    engagement_rate, click_through_rate)
SELECT post_id, platform, platform_post_id, published_on, fetched_at, {counts},
    100.0 * (likes_count + comments_count + coalesce(shares_count, 0)) / nullif(impressions, 0),
    100.0 * clicks / nullif(impressions, 0)
FROM ({figures}) AS told (post_id)
ORDER BY fetched_at, post_id
"""


def fill(connection: Connection, posts: int) -> None:
    """All tables that the marts are built from, in the order of time in which the pipeline would have written them."""
    script = _MAKE_POSTS.format(
        accounts=POSTS_PER_DAY,
        posts=posts,
        days=days_of(posts),
        readings=READINGS,
        last_day=LAST_DAY,
        last_reading=LAST_READING,
    )
    connection.execute("SET session_replication_role = replica")  # each row has its parent: no need to look
    connection.execute("SET work_mem = '256MB'")
    for statement in script.split(";\n"):
        connection.execute(statement)
    connection.execute(_readings(f"published_posts p CROSS JOIN generate_series(1, {READINGS}) AS ages (age)"))
    connection.execute("VACUUM ANALYZE")


def read_again(connection: Connection, first: date, last: date, day: date) -> int:
    """One more reading, on `day`, of every post published from `first` to `last`; how many."""
    return connection.execute(_readings(_READ_AGAIN.format(first=first, last=last, day=day))).rowcount


def _readings(posts_and_ages: str) -> str:
    return _STORE.format(counts=_COUNTS, figures=_FIGURES.format(posts_and_ages=posts_and_ages))
