{{
    config(meta={
        'description': 'Posts without a row or the other way round, and figures that are not those of the post.',
        'dagster': {'ref': {'name': 'post_performance'}},
    })
}}
{%- set columns = [
    'business_id', 'social_account_id', 'platform', 'post_type', 'published_at', 'published_on', 'likes', 'comments',
    'shares', 'engagements', 'impressions', 'reach', 'clicks', 'video_views', 'engagement_rate',
] %}

with posts as (
    select
        *,
        100 * clicks::double precision / nullif(impressions, 0) as click_through_rate
    from {{ ref('int_posts') }}
    where {{ in_changed_days('published_on') }}
),

performance as (
    select *
    from {{ ref('post_performance') }}
    where {{ in_changed_days('published_on') }}
)

select post_id
from posts
full join performance using (post_id)
where
    (posts.{{ columns | join(', posts.') }}, posts.click_through_rate, posts.read_at)
    is distinct from (
        performance.{{ columns | join(', performance.') }}, performance.click_through_rate, performance.last_read_at
    )
