{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['month_start']}],
        pre_hook="{{ delete_changed_months(days_after=7) }}",
    )
}}
{%- set first, next = changed_months(days_after=7) %}

with posts as (
    select
        *,
        date_trunc('month', published_on::timestamp)::date as month_start,
        published_on - lag(published_on) over (
            partition by social_account_id order by published_at, post_id
        ) as days_since_last_post
    from {{ ref('int_posts') }}
    -- Seven days more, for the first posts of the month; what lies further back makes no difference.
    where published_on >= {{ first }} - 7 and published_on < {{ next }}
),

classified as (
    select
        posts.*,
        traits.trait,
        traits.class
    from posts
    left join {{ ref('stg_content') }} as content on posts.content_id = content.content_id
    cross join lateral (
        values
            ('post_type', coalesce(posts.post_type, 'unknown')),
            (
                'text_length',
                case
                    when content.characters is null then 'unknown'
                    when content.characters = 0 then 'none'
                    when content.characters <= 100 then 'short'
                    when content.characters <= 280 then 'medium'
                    else 'long'
                end
            ),
            (
                'media_count',
                case
                    when content.images is null then 'unknown'
                    when content.images <= 1 then content.images::text
                    when content.images <= 4 then '2 to 4'
                    else '5 or more'
                end
            ),
            (
                'days_since_last_post',
                case when posts.days_since_last_post <= 7 then posts.days_since_last_post::text else 'over 7' end
            )
    ) as traits (trait, class)
    where posts.published_on >= {{ first }}
)

select
    business_id,
    social_account_id,
    platform,
    month_start,
    trait,
    class,
    count(*) as posts,
    sum(engagements)::bigint as total_engagements,
    count(engagements) as posts_with_engagements,
    sum(impressions)::bigint as total_impressions,
    count(impressions) as posts_with_impressions,
    (sum(engagements) filter (where impressions is not null))::bigint as rated_engagements,
    (sum(impressions) filter (where engagements is not null))::bigint as rated_impressions,
    count(engagement_rate) as rated_posts,
    100 * (sum(engagements) filter (where impressions is not null))::double precision
    / nullif(sum(impressions) filter (where engagements is not null), 0) as avg_engagement_rate,
    percentile_cont(0.5) within group (order by engagement_rate) as median_engagement_rate,
    now() as updated_at
from classified
group by business_id, social_account_id, platform, month_start, trait, class
