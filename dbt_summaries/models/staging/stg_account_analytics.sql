{%- for platform in var('platforms') %}
select
    social_account_id,
    day,
    followers
from {{ source(platform, 'account_analytics') }}
where platform = '{{ platform }}'
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
