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
{%- set first, next = changed_range('month') %}
{%- set first_week, next_week = changed_range('week') %}

with changed (period_type, unit, length, first_start, next_start) as (
    {{ changed_periods() }}
)

select
    md5(
        concat_ws(
            '|', days.business_id, scopes.platform, changed.period_type, to_char(starts.period_start, 'YYYY-MM-DD')
        )
    )::uuid as id,
    days.business_id,
    scopes.platform,
    changed.period_type,
    starts.period_start,
    (starts.period_start + changed.length)::date - 1 as period_end,
    sum(days.posts)::bigint as total_posts
    {%- for count in coverage_counts() %},
    sum(days.{{ count }})::bigint as {{ count }}
    {%- endfor %},
    now() as updated_at
from {{ ref('int_publish_days') }} as days
cross join changed
cross join lateral (select date_trunc(changed.unit, days.published_on::timestamp)::date) as starts (period_start)
cross join lateral (values (days.platform), ('all')) as scopes (platform)
where
    -- A week may reach out of the month.
    days.published_on >= least({{ first }}, {{ first_week }})
    and days.published_on < greatest({{ next }}, {{ next_week }})
    and starts.period_start >= changed.first_start
    and starts.period_start < changed.next_start
group by days.business_id, scopes.platform, changed.period_type, starts.period_start, changed.length
