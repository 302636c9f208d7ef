{{
    config(meta={
        'description': 'Activity of weeks and months that is not the sum of days, or of `all` that is not that of platforms.',
        'dagster': {'ref': {'name': 'activity_summaries'}},
    })
}}
{%- set days = 'array(select built.day from built)' %}
{%- set figures = ['readings', 'account_days'] %}
{%- for figure in summed_gains() %}
{%- do figures.extend([figure ~ '_gain', figure ~ '_gain_of_several_days', 'readings_with_' ~ figure]) %}
{%- endfor %}
{%- for figure in shown_account_figures() %}
{%- do figures.extend(['account_' ~ figure, 'account_days_with_' ~ figure]) %}
{%- endfor %}

-- On which posts of the built publish days were read, or accounts reported.
with built as (
    select observed_on as day
    from {{ ref('int_reading_days') }}
    where {{ in_changed_days('published_on') }}
    union
    select day
    from {{ ref('int_account_days') }}
    where {{ in_changed_days('day') }}
),

sums as (
    select
        days.business_id,
        scopes.platform,
        units.period_type,
        starts.period_start
        {%- for figure in figures %},
        sum(days.{{ figure }}) as {{ figure }}
        {%- endfor %}
    from {{ ref('activity_summaries') }} as days
    cross join (values ('daily', 'day'), ('weekly', 'week'), ('monthly', 'month')) as units (period_type, unit)
    cross join lateral (select date_trunc(units.unit, days.period_start::timestamp)::date) as starts (period_start)
    cross join lateral (values (days.platform), ('all')) as scopes (platform)
    where
        days.period_type = 'daily'
        and days.platform <> 'all'
        -- A week may reach out of the month.
        and days.period_start >= (select date_trunc('month', min(built.day)::timestamp) - interval '6 days' from built)
        and days.period_start
        < (select date_trunc('month', max(built.day)::timestamp) + interval '37 days' from built)
        and (units.period_type <> 'daily' or scopes.platform = 'all')
        and {{ holds_one_of(days, 'units.period_type', 'starts.period_start') }}
    group by days.business_id, scopes.platform, units.period_type, starts.period_start
),

summaries as (
    select *
    from {{ ref('activity_summaries') }}
    where
        (period_type <> 'daily' or platform = 'all')
        and {{ holds_one_of(days, 'period_type', 'period_start') }}
)

select
    business_id,
    platform,
    period_type,
    period_start
from summaries
full join sums using (business_id, platform, period_type, period_start)
where
    (summaries.{{ figures | join(', summaries.') }})
    is distinct from (sums.{{ figures | join(', sums.') }})
