{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['business_id', 'platform', 'day'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['day']}],
        pre_hook='{{ lock_against_other_runs() }}',
    )
}}
{%- set first, next = changed_range() %}
{%- set figures = ['account_days'] + shown_account_figures() %}
{%- for metric in account_metrics() %}
{%- do figures.append('with_' ~ metric) %}
{%- endfor %}

with days as (
    select
        business_id,
        platform,
        day,
        count(*) as account_days
        {%- for figure in shown_account_figures() %},
        sum({{ figure }})::bigint as {{ figure }}
        {%- endfor %}
        {%- for metric in account_metrics() %},
        count({{ metric }}) as with_{{ metric }}
        {%- endfor %}
    from {{ ref('stg_account_analytics') }}
    where day >= {{ first }} and day < {{ next }}
    group by business_id, platform, day
)

{{ what_differs('days', ['business_id', 'platform', 'day'], figures, 'day') }}
