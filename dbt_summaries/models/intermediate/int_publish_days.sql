{{
    config(
        materialized='incremental',
        incremental_strategy='replace_changed_days',
        unique_key=['business_id', 'platform', 'published_on'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['published_on']}],
        pre_hook='{{ lock_against_other_runs() }}',
    )
}}
{%- set first, next = changed_range() %}

select
    business_id,
    platform,
    published_on,
    count(*) as posts,
    sum(likes)::bigint as likes,
    sum(comments)::bigint as comments,
    sum(shares)::bigint as shares,
    sum(engagements)::bigint as engagements,
    sum(impressions)::bigint as impressions,
    sum(reach)::bigint as reach,
    sum(clicks)::bigint as clicks,
    sum(video_views)::bigint as video_views,
    (sum(engagements) filter (where impressions is not null))::bigint as rated_engagements,
    (sum(impressions) filter (where engagements is not null))::bigint as rated_impressions,
    (sum(clicks) filter (where impressions is not null))::bigint as rated_clicks,
    (sum(impressions) filter (where clicks is not null))::bigint as clickable_impressions,
    count(read_at) as posts_read
    {%- for figure in covered_figures() %},
    count({{ figure }}) as posts_with_{{ figure }}
    {%- endfor %},
    count(*) filter (where num_nonnulls(engagements, impressions) = 2) as posts_with_engagement_rate,
    count(*) filter (where num_nonnulls(clicks, impressions) = 2) as posts_with_click_through_rate,
    -- Arrays compare element by element: most engagements, most impressions (unknown is fewest), then the older post.
    max(
        array[
            engagements,
            coalesce(impressions, -9223372036854775808),
            -(extract(epoch from published_at) * 1000000)::bigint,
            -post_id
        ]
    ) filter (where engagements is not null) as top_rank
from {{ ref('int_latest_readings') }}
where published_on >= {{ first }} and published_on < {{ next }}
group by business_id, platform, published_on
