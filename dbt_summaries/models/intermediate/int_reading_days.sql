{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key=['platform', 'published_on', 'observed_on'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['published_on']}, {'columns': ['observed_on']}],
        pre_hook='{{ lock_against_other_runs() }}',
    )
}}
{%- set first, next = changed_range() %}

with days as (
    select
        posts.platform,
        posts.published_on,
        observations.observed_on,
        count(*) as readings
        {%- for metric in post_metrics() %},
        count(observations.{{ metric }}) as with_{{ metric }}
        {%- endfor %}
    from {{ ref('stg_published_posts') }} as posts
    inner join {{ ref('stg_post_analytics') }} as observations on posts.post_id = observations.post_id
    where posts.published_on >= {{ first }} and posts.published_on < {{ next }}
    group by posts.platform, posts.published_on, observations.observed_on
)

select * from days
{%- if is_incremental() %}
union all
-- Days whose readings are all gone: kept without any, so that what is told of those days is rebuilt.
select
    gone.platform,
    gone.published_on,
    gone.observed_on,
    0 as readings
    {%- for metric in post_metrics() %},
    0 as with_{{ metric }}
    {%- endfor %}
from {{ this }} as gone
left join days using (platform, published_on, observed_on)
where gone.published_on >= {{ first }} and gone.published_on < {{ next }} and days.readings is null
{%- endif %}
