{{ config(meta={'description': 'Counts of a week or month that are not the sum of its days.'}) }}

with summaries as (
    select * from {{ ref('analytics_summaries') }}
),

sums_of_days as (
    select
        summaries.business_id,
        summaries.platform,
        longer.period_type,
        longer.period_start
        {%- for figure in additive_figures() %},
        sum(summaries.{{ figure }}) as {{ figure }}
        {%- endfor %}
    from summaries
    cross join lateral (
        values
            ('weekly', date_trunc('week', summaries.period_start::timestamp)::date),
            ('monthly', date_trunc('month', summaries.period_start::timestamp)::date)
    ) as longer (period_type, period_start)
    where summaries.period_type = 'daily'
    group by summaries.business_id, summaries.platform, longer.period_type, longer.period_start
),

weeks_and_months as (
    select *
    from summaries
    where period_type in ('weekly', 'monthly')
)

select
    business_id,
    platform,
    period_type,
    period_start
from weeks_and_months
full join sums_of_days using (business_id, platform, period_type, period_start)
where
    {%- for figure in additive_figures() %}
    {{ 'or ' if not loop.first }}weeks_and_months.{{ figure }} is distinct from sums_of_days.{{ figure }}
    {%- endfor %}
