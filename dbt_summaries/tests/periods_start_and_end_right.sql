{{ config(meta={'description': 'Days longer than one, weeks not from Monday to Sunday, months not of the calendar.'}) }}

with units (period_type, unit) as (
    values ('daily', 'day'), ('weekly', 'week'), ('monthly', 'month')
)

select summaries.*
from {{ ref('analytics_summaries') }} as summaries
inner join units on summaries.period_type = units.period_type
cross join lateral (select date_trunc(units.unit, summaries.period_start::timestamp)) as starts (period_start)
where
    summaries.period_start <> starts.period_start
    or summaries.period_end <> starts.period_start + ('1 ' || units.unit)::interval - interval '1 day'
