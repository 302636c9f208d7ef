{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['day']}],
        pre_hook='{{ delete_touched_days() }}',
    )
}}

with posts as (
    select
        days.platform,
        days.observed_on as day,
        'post' as subject,
        metrics.metric,
        sum(days.readings)::bigint as readings,
        sum(metrics.known)::bigint as known
    from {{ ref('int_reading_days') }} as days
    cross join lateral (
        values
        {%- for column, metric in post_metrics().items() %}
        ('{{ metric }}', days.with_{{ column }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as metrics (metric, known)
    {%- if rebuilds_some_days() %}
    where days.observed_on in (select touched_days.day from touched_days)
    {%- endif %}
    group by days.platform, days.observed_on, metrics.metric
    having sum(days.readings) > 0
),

accounts as (
    select
        days.platform,
        days.day,
        'account' as subject,
        metrics.metric,
        sum(days.account_days)::bigint as readings,
        sum(metrics.known)::bigint as known
    from {{ ref('int_account_days') }} as days
    cross join lateral (
        values
        {%- for metric in account_metrics() %}
        ('{{ metric }}', days.with_{{ metric }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as metrics (metric, known)
    {%- if rebuilds_some_days() %}
    where days.day in (select touched_days.day from touched_days)
    {%- endif %}
    group by days.platform, days.day, metrics.metric
    having sum(days.account_days) > 0
)

select
    platform,
    day,
    subject,
    metric,
    readings,
    known,
    100 * (readings - known)::double precision / readings as null_share,
    now() as updated_at
from (
    select * from posts
    union all
    select * from accounts
) as coverage
