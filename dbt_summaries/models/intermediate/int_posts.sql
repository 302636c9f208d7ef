{{
    config(
        materialized='incremental',
        incremental_strategy='replace_changed_days',
        unique_key='post_id',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['published_on']}, {'columns': ['social_account_id', 'published_on']}],
        pre_hook='{{ lock_against_other_runs() }}',
    )
}}
{%- set first, next = changed_range() %}

select *
from {{ ref('int_latest_readings') }}
where published_on >= {{ first }} and published_on < {{ next }}
