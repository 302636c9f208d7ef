-- The one table behind the sources of all platforms, read once, as in stg_post_analytics.
{%- for platform in var('platforms') %}
-- depends_on: {{ source(platform, 'account_analytics') }}
{%- endfor %}
select
    days.social_account_id,
    accounts.business_id,
    days.platform,
    days.day,
    days.followers,
    days.follower_gain,
    days.impressions,
    days.reach,
    days.clicks,
    days.likes,
    days.comments,
    days.shares,
    days.engagements,
    days.profile_views,
    days.video_views
from {{ source(var('platforms')[0], 'account_analytics') }} as days
inner join {{ source('application', 'social_accounts') }} as accounts
    on days.social_account_id = accounts.id
-- The index that serves a range of days begins with the platform.
where days.platform in (
    '{{ var('platforms') | join("', '") }}'
)
