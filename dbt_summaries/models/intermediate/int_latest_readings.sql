{{ config(materialized='ephemeral') }}

select
    posts.post_id,
    posts.business_id,
    posts.social_account_id,
    posts.content_id,
    posts.platform,
    posts.post_type,
    posts.published_at,
    posts.published_on,
    latest.fetched_at as read_at,
    latest.likes,
    latest.comments,
    latest.shares,
    {{ engagements_of('latest') }} as engagements,
    latest.impressions,
    latest.reach,
    latest.clicks,
    latest.video_views,
    100 * ({{ engagements_of('latest') }})::double precision / nullif(latest.impressions, 0) as engagement_rate
from {{ ref('stg_published_posts') }} as posts
-- One step into the unique index (post, observed_on) per post, however many observations a post has.
left join lateral (
    select observations.*
    from {{ ref('stg_post_analytics') }} as observations
    where observations.post_id = posts.post_id
    order by observations.observed_on desc
    limit 1
) as latest on true
