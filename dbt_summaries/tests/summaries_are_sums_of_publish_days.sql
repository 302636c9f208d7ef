{{
    config(meta={
        'description': 'Periods whose totals, rates, top post or growth are not those of their publish days.',
        'dagster': {'ref': {'name': 'analytics_summaries'}},
    })
}}
{%- set figures = additive_figures() + [
    'avg_engagement_rate', 'avg_click_through_rate', 'top_post_id', 'engagement_growth',
] %}

with sums_of_days as (
    select
        days.business_id,
        scopes.platform,
        units.period_type,
        starts.period_start,
        date_trunc(units.unit, starts.period_start - interval '1 day')::date as start_before,
        {%- for figure in additive_figures() %}
        sum(days.{{ figure | replace('total_', '') }}) as {{ figure }},
        {%- endfor %}
        100 * sum(days.rated_engagements)::double precision / nullif(sum(days.rated_impressions), 0)
            as avg_engagement_rate,
        100 * sum(days.rated_clicks)::double precision / nullif(sum(days.clickable_impressions), 0)
            as avg_click_through_rate,
        -(max(days.top_rank))[4] as top_post_id
    from {{ ref('int_publish_days') }} as days
    cross join (values ('daily', 'day'), ('weekly', 'week'), ('monthly', 'month')) as units (period_type, unit)
    cross join lateral (select date_trunc(units.unit, days.published_on::timestamp)::date) as starts (period_start)
    cross join lateral (values (days.platform), ('all')) as scopes (platform)
    -- The month of a built day and the one before, which its growth is against.
    where {{ in_changed_days('days.published_on', around=62) }}
    group by days.business_id, scopes.platform, units.period_type, units.unit, starts.period_start
),

sums as (
    select
        *,
        case
            when lag(period_start) over same_type = start_before
                then
                    100 * (total_engagements - lag(total_engagements) over same_type)::double precision
                    / nullif(greatest(lag(total_engagements) over same_type, 0), 0)
        end as engagement_growth
    from sums_of_days
    window same_type as (partition by business_id, platform, period_type order by period_start)
),

summaries as (
    select *
    from {{ ref('analytics_summaries') }}
    where {{ in_changed_periods('period_type', 'period_start') }}
)

select
    business_id,
    platform,
    period_type,
    period_start
from summaries
full join sums using (business_id, platform, period_type, period_start)
where
    {{ in_changed_periods('period_type', 'period_start') }}
    and (summaries.{{ figures | join(', summaries.') }})
    is distinct from (sums.{{ figures | join(', sums.') }})
