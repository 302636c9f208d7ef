{{
    config(
        materialized='incremental',
        incremental_strategy='replace_changed_periods',
        unique_key='id',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[
            {'columns': ['business_id', 'platform', 'period_type', 'period_start'], 'unique': true},
            {'columns': ['period_type', 'period_start']},
        ],
        pre_hook='{{ lock_against_other_runs() }}',
    )
}}
{%- set first_month, next_month = changed_range('month') %}
{%- set sums = [
    'posts', 'likes', 'comments', 'shares', 'engagements', 'impressions', 'reach', 'clicks', 'video_views',
    'rated_engagements', 'rated_impressions', 'rated_clicks', 'clickable_impressions',
] %}

-- The changed periods and those right after them, whose growth is another when their baseline changed.
with changed (period_type, unit, length, first_start, next_start) as (
    {{ changed_periods() }}
),

days_of_platforms as (
    select *
    from {{ ref('int_publish_days') }}
    -- From the baseline of the first changed period to the period after the last; none is longer than a month.
    where
        published_on >= {{ first_month }} - interval '1 month'
        and published_on < {{ next_month }} + interval '1 month'
),

days as (
    select
        business_id,
        platform,
        published_on,
        {{ sums | join(',\n        ') }},
        top_rank
    from days_of_platforms
    union all
    select
        business_id,
        'all' as platform,
        published_on,
        {%- for figure in sums %}
        sum({{ figure }})::bigint as {{ figure }},
        {%- endfor %}
        max(top_rank) as top_rank
    from days_of_platforms
    group by business_id, published_on
),

periods as (
    select
        days.business_id,
        days.platform,
        changed.period_type,
        changed.length,
        days.published_on as period_start,
        {%- for figure in sums %}
        days.{{ figure }},
        {%- endfor %}
        days.top_rank
    from days
    inner join changed on days.published_on between changed.first_start - changed.length and changed.next_start
    where changed.period_type = 'daily'
    union all
    select
        days.business_id,
        days.platform,
        changed.period_type,
        changed.length,
        starts.period_start,
        {%- for figure in sums %}
        sum(days.{{ figure }})::bigint as {{ figure }},
        {%- endfor %}
        max(days.top_rank) as top_rank
    from days
    cross join changed
    cross join lateral (select date_trunc(changed.unit, days.published_on::timestamp)::date) as starts (period_start)
    where
        changed.period_type <> 'daily'
        and starts.period_start >= changed.first_start - changed.length
        and starts.period_start <= changed.next_start
    group by days.business_id, days.platform, changed.period_type, starts.period_start, changed.length
),

periods_with_baseline as (
    select
        *,
        case
            when lag(period_start) over same_type = (period_start - length)::date
                then lag(engagements) over same_type
        end as baseline
    from periods
    window same_type as (partition by business_id, platform, period_type order by period_start)
),

summaries as (
    select
        *,
        md5(concat_ws('|', business_id, platform, period_type, to_char(period_start, 'YYYY-MM-DD')))::uuid as id,
        (period_start + length)::date - 1 as period_end,
        case when baseline > 0 then 100 * (engagements - baseline)::double precision / baseline end as engagement_growth
    from periods_with_baseline
)

select
    summaries.id,
    summaries.business_id,
    summaries.platform,
    summaries.period_type,
    summaries.period_start,
    summaries.period_end,
    summaries.posts as total_posts,
    summaries.likes as total_likes,
    summaries.comments as total_comments,
    summaries.shares as total_shares,
    summaries.engagements as total_engagements,
    summaries.impressions as total_impressions,
    summaries.reach as total_reach,
    summaries.clicks as total_clicks,
    summaries.video_views as total_video_views,
    100 * summaries.rated_engagements::double precision / nullif(summaries.rated_impressions, 0) as avg_engagement_rate,
    100 * summaries.rated_clicks::double precision
    / nullif(summaries.clickable_impressions, 0) as avg_click_through_rate,
    -(summaries.top_rank)[4] as top_post_id,
    summaries.engagement_growth,
    now() as updated_at
from summaries
inner join changed on summaries.period_type = changed.period_type
where summaries.period_start >= changed.first_start
