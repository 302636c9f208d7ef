-- The one table behind the sources of all platforms, read once: a union of the platforms would search the index, and
-- fetch what it finds, once per platform for every post that is looked up.
{%- for platform in var('platforms') %}
-- depends_on: {{ source(platform, 'post_analytics') }}
{%- endfor %}
select
    post_id,
    fetched_at,
    (fetched_at at time zone 'UTC')::date as observed_on,
    likes_count as likes,
    comments_count as comments,
    shares_count as shares,
    reactions_count as reactions,
    retweets_count as retweets,
    quote_tweets_count as quote_tweets,
    bookmarks_count as bookmarks,
    impressions,
    reach,
    clicks,
    url_clicks,
    profile_clicks,
    video_views,
    video_watch_time
from {{ source(var('platforms')[0], 'post_analytics') }}
