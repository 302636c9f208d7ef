{{
    config(meta={
        'description': 'Periods that hold a built day, whose totals, rates or top post are not those of their publish days.',
        'dagster': {'ref': {'name': 'analytics_summaries'}},
    })
}}
{%- set days = 'array(select built.day from built)' %}
{%- set figures = additive_figures() + ['avg_engagement_rate', 'avg_click_through_rate', 'top_post_id'] %}

with built as (
    select published_on as day
    from {{ ref('int_publish_days') }}
    where {{ in_changed_days('published_on') }}
    union
    select period_start as day
    from {{ ref('analytics_summaries') }}
    where period_type = 'daily' and {{ in_changed_days('period_start') }}
),

summaries as (
    select *
    from {{ ref('analytics_summaries') }}
    where {{ holds_one_of(days, 'period_type', 'period_start') }}
),

sums_of_days as (
    select
        days.business_id,
        scopes.platform,
        units.period_type,
        starts.period_start,
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
    where
        -- A week may reach out of the month.
        days.published_on >= (select date_trunc('month', min(built.day)::timestamp) - interval '6 days' from built)
        and days.published_on
        < (select date_trunc('month', max(built.day)::timestamp) + interval '37 days' from built)
        and {{ holds_one_of(days, 'units.period_type', 'starts.period_start') }}
    group by days.business_id, scopes.platform, units.period_type, starts.period_start
)

select
    business_id,
    platform,
    period_type,
    period_start
from summaries
full join sums_of_days using (business_id, platform, period_type, period_start)
where
    (summaries.{{ figures | join(', summaries.') }})
    is distinct from (sums_of_days.{{ figures | join(', sums_of_days.') }})
