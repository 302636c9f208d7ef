{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['platform', 'published_on', 'observed_on'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['published_on']}, {'columns': ['observed_on']}],
        pre_hook=['{{ lock_against_other_runs() }}', '{{ group_by_hashing() }}'],
    )
}}
{%- set first, next = changed_range() %}
{%- set figures = ['readings'] %}
{%- for metric in post_metrics() %}
{%- do figures.append('with_' ~ metric) %}
{%- endfor %}
{%- do figures.append('digest') %}

with days as (
    select
        posts.platform,
        posts.published_on,
        observations.observed_on,
        count(*) as readings
        {%- for metric in post_metrics() %},
        count(observations.{{ metric }}) as with_{{ metric }}
        {%- endfor %},
        bit_xor({{ reading_digest() }}) as digest
    from {{ ref('stg_published_posts') }} as posts
    inner join {{ ref('stg_post_analytics') }} as observations on posts.post_id = observations.post_id
    where posts.published_on >= {{ first }} and posts.published_on < {{ next }}
    group by posts.platform, posts.published_on, observations.observed_on
)

{{ what_differs('days', ['platform', 'published_on', 'observed_on'], figures, 'published_on') }}
