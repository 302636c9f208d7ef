{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['published_on']}, {'columns': ['social_account_id', 'published_on']}],
        pre_hook=['{{ delete_changed_days() }}', '{{ delete_moved_posts() }}'],
    )
}}
{%- set first, next = changed_range() %}

select
    post_id,
    business_id,
    social_account_id,
    content_id,
    platform,
    post_type,
    published_at,
    published_on,
    engagements,
    impressions,
    100 * engagements::double precision / nullif(impressions, 0) as engagement_rate
from {{ ref('int_posts') }}
where published_on >= {{ first }} and published_on < {{ next }}
