-- The one table behind the sources of all platforms, read once, as in stg_post_analytics.
{%- for platform in var('platforms') %}
-- depends_on: {{ source(platform, 'account_analytics') }}
{%- endfor %}
select
    social_account_id,
    day,
    followers
from {{ source(var('platforms')[0], 'account_analytics') }}
