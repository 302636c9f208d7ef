{{
    config(
        severity='warn',
        meta={
            'description': 'Daily summaries without posts, or with a top post of another day. Warns only: the posts of'
                ~ ' a removed account are gone at once, its summaries with the next build of their days.',
            'dagster': {'ref': {'name': 'analytics_summaries'}},
        },
    )
}}

with publish_days as (
    select
        business_id,
        platform,
        published_on,
        array_agg(id) as post_ids
    -- The table of all platforms, under any of its names.
    from {{ source('linkedin', 'published_posts') }}
    group by business_id, platform, published_on
)

select summaries.*
from {{ ref('analytics_summaries') }} as summaries
left join publish_days
    on
        summaries.business_id = publish_days.business_id
        and summaries.platform = publish_days.platform
        and summaries.period_start = publish_days.published_on
where
    summaries.period_type = 'daily'
    and summaries.platform <> 'all'
    and (publish_days.post_ids is null or summaries.top_post_id <> all(publish_days.post_ids))
