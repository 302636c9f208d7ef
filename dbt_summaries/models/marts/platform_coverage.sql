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
-- depends_on: {{ ref('int_reading_days') }}
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
    where {{ is_touched('days.observed_on') }}
    group by days.platform, days.observed_on, metrics.metric
    having sum(days.readings) > 0
),

accounts as (
    select
        days.platform,
        days.day,
        'account' as subject,
        metrics.metric,
        count(*) as readings,
        count(metrics.figure) as known
    from {{ ref('stg_account_analytics') }} as days
    cross join lateral (
        values
        {%- for metric in account_metrics() %}
        ('{{ metric }}', days.{{ metric }}){{ ',' if not loop.last }}
        {%- endfor %}
    ) as metrics (metric, figure)
    where {{ is_touched('days.day') }}
    group by days.platform, days.day, metrics.metric
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
