{{
    config(
        materialized='incremental',
        incremental_strategy='replace_changed_days',
        unique_key='post_id',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['published_on']}, {'columns': ['social_account_id', 'published_on']}],
        pre_hook='{{ lock_against_other_runs() }}',
    )
}}
{%- set first, next = changed_range() %}

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
where posts.published_on >= {{ first }} and posts.published_on < {{ next }}
