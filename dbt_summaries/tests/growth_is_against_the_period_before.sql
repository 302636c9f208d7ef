{{ config(meta={'description': 'Growth that is not the change against the row of the period directly before.'}) }}

with summaries as (
    select * from {{ ref('analytics_summaries') }}
)

select summaries.*
from summaries
left join summaries as baseline
    on
        summaries.business_id = baseline.business_id
        and summaries.platform = baseline.platform
        and summaries.period_type = baseline.period_type
        and summaries.period_start = baseline.period_end + 1
where
    summaries.engagement_growth is distinct from
    100 * (summaries.total_engagements - baseline.total_engagements)::double precision
    / nullif(baseline.total_engagements, 0)
