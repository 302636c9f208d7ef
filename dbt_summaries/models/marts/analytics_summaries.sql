{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='id',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[
            {'columns': ['business_id', 'platform', 'period_type', 'period_start'], 'unique': true},
            {'columns': ['period_type', 'period_start']},
        ],
        pre_hook='{{ delete_changed_periods() }}',
    )
}}
{%- set first_month, next_month = changed_range('month') %}

-- Written are the changed periods (the pre-hook deleted them), and of the periods right after them the rows whose
-- growth is another now that their baseline changed (`delete+insert` replaces them by id). All others stay untouched.
with changed (period_type, unit, length, first_start, next_start) as (
    {{ changed_periods() }}
),

periods as (
    select
        days.business_id,
        scopes.platform,
        changed.period_type,
        changed.length,
        starts.period_start,
        sum(days.posts)::bigint as total_posts,
        sum(days.likes)::bigint as total_likes,
        sum(days.comments)::bigint as total_comments,
        sum(days.shares)::bigint as total_shares,
        sum(days.engagements)::bigint as total_engagements,
        sum(days.impressions)::bigint as total_impressions,
        sum(days.reach)::bigint as total_reach,
        sum(days.clicks)::bigint as total_clicks,
        sum(days.video_views)::bigint as total_video_views,
        100 * sum(days.rated_engagements)::double precision
        / nullif(sum(days.rated_impressions), 0) as avg_engagement_rate,
        100 * sum(days.rated_clicks)::double precision
        / nullif(sum(days.clickable_impressions), 0) as avg_click_through_rate,
        -(max(days.top_rank))[4] as top_post_id
    from {{ ref('int_publish_days') }} as days
    cross join changed
    cross join lateral (select date_trunc(changed.unit, days.published_on::timestamp)::date) as starts (period_start)
    cross join lateral (values (days.platform), ('all')) as scopes (platform)
    where
        -- From the baseline of the first changed period to the period after the last; none is longer than a month.
        days.published_on >= {{ first_month }} - interval '1 month'
        and days.published_on < {{ next_month }} + interval '1 month'
        and starts.period_start >= changed.first_start - changed.length
        and starts.period_start <= changed.next_start
    group by days.business_id, scopes.platform, changed.period_type, starts.period_start, changed.length
),

periods_with_baseline as (
    select
        *,
        case
            when lag(period_start) over same_type = (period_start - length)::date
                then lag(total_engagements) over same_type
        end as baseline
    from periods
    window same_type as (partition by business_id, platform, period_type order by period_start)
),

summaries as (
    select
        *,
        md5(concat_ws('|', business_id, platform, period_type, to_char(period_start, 'YYYY-MM-DD')))::uuid as id,
        (period_start + length)::date - 1 as period_end,
        100 * (total_engagements - baseline)::double precision / nullif(baseline, 0) as engagement_growth
    from periods_with_baseline
)

select
    summaries.id,
    summaries.business_id,
    summaries.platform,
    summaries.period_type,
    summaries.period_start,
    summaries.period_end,
    summaries.total_posts,
    summaries.total_likes,
    summaries.total_comments,
    summaries.total_shares,
    summaries.total_engagements,
    summaries.total_impressions,
    summaries.total_reach,
    summaries.total_clicks,
    summaries.total_video_views,
    summaries.avg_engagement_rate,
    summaries.avg_click_through_rate,
    summaries.top_post_id,
    summaries.engagement_growth,
    now() as updated_at
from summaries
inner join changed on summaries.period_type = changed.period_type
{%- if is_incremental() %}
left join {{ this }} as existing on summaries.id = existing.id
{%- endif %}
where
    summaries.period_start >= changed.first_start
    {%- if is_incremental() %}
    and (
        summaries.period_start < changed.next_start
        or summaries.engagement_growth is distinct from existing.engagement_growth
    )
    {%- endif %}
