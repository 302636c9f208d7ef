{{ config(meta={'description': 'Counts of `all` that are not the sum of the platforms.'}) }}

with summaries as (
    select * from {{ ref('analytics_summaries') }}
),

sums_of_platforms as (
    select
        business_id,
        period_type,
        period_start
        {%- for figure in additive_figures() %},
        sum({{ figure }}) as {{ figure }}
        {%- endfor %}
    from summaries
    where platform <> 'all'
    group by business_id, period_type, period_start
),

totals as (
    select *
    from summaries
    where platform = 'all'
)

select
    business_id,
    period_type,
    period_start
from totals
full join sums_of_platforms using (business_id, period_type, period_start)
where
    {%- for figure in additive_figures() %}
    {{ 'or ' if not loop.first }}totals.{{ figure }} is distinct from sums_of_platforms.{{ figure }}
    {%- endfor %}
