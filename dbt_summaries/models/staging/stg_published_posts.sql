-- The one table behind the sources of all platforms, read once: of a union the planner would know no figures.
{%- for platform in var('platforms') %}
-- depends_on: {{ source(platform, 'published_posts') }}
{%- endfor %}
select
    id as post_id,
    business_id,
    social_account_id,
    content_id,
    platform,
    post_type,
    published_at,
    published_on
from {{ source(var('platforms')[0], 'published_posts') }}
-- The index that serves a range of publish days begins with the platform.
where platform in (
    '{{ var('platforms') | join("', '") }}'
)
