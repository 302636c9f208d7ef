{{
    config(meta={
        'description': 'Summaries without their coverage or the other way round, totals of no post, more posts than there are.',
        'dagster': {'ref': {'name': 'summary_coverage'}},
    })
}}

with summaries as (
    select *
    from {{ ref('analytics_summaries') }}
    where {{ in_changed_periods('period_type', 'period_start') }}
),

coverage as (
    select *
    from {{ ref('summary_coverage') }}
    where {{ in_changed_periods('period_type', 'period_start') }}
)

select
    summaries.id as summary_id,
    coverage.id as coverage_id
from summaries
full join coverage on summaries.id = coverage.id
where
    summaries.total_posts is distinct from coverage.total_posts
    or coverage.posts_read > coverage.total_posts
    {%- for figure in covered_figures() %}
    or (summaries.total_{{ figure }} is null) <> (coverage.posts_with_{{ figure }} = 0)
    or coverage.posts_with_{{ figure }} > coverage.posts_read
    {%- endfor %}
    or (coverage.posts_with_engagement_rate = 0 and summaries.avg_engagement_rate is not null)
    or (coverage.posts_with_click_through_rate = 0 and summaries.avg_click_through_rate is not null)
