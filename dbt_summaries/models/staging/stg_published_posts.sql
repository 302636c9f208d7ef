-- By platform, because the index that serves a range of publish days begins with the platform.
{%- for platform in var('platforms') %}
select
    id as post_id,
    business_id,
    social_account_id,
    platform,
    post_type,
    published_at,
    published_on
from {{ source(platform, 'published_posts') }}
where platform = '{{ platform }}'
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
