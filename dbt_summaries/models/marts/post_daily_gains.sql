{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['published_on']}, {'columns': ['observed_on']}],
        pre_hook=['{{ delete_changed_days() }}', '{{ delete_moved_posts() }}'],
    )
}}
{%- set first, next = changed_range() %}

with readings as (
    select
        posts.post_id,
        posts.business_id,
        posts.social_account_id,
        posts.platform,
        posts.published_on,
        observations.observed_on
        {%- for figure in gained_figures() %},
        observations.{{ figure }}
        {%- endfor %}
    from {{ ref('stg_published_posts') }} as posts
    inner join {{ ref('stg_post_analytics') }} as observations on posts.post_id = observations.post_id
    where posts.published_on >= {{ first }} and posts.published_on < {{ next }}
),

-- Of every figure the reading before that told it, as {day, figure}: arrays compare element by element, so the latest
-- is the greatest. A running maximum needs no sort of its own for each figure, as lag() over the known ones would.
-- Without one, a figure that is told within a day of publication has grown from 0; a later one from nobody knows what.
with_baselines as (
    select
        *
        {%- for figure in gained_figures() %},
        coalesce(
            max(array[observed_on - date 'epoch', {{ figure }}]) filter (where {{ figure }} is not null) over earlier,
            case
                when observed_on between published_on and published_on + 1
                    then array[published_on - 1 - date 'epoch', 0::bigint]
            end
        ) as {{ figure }}_before
        {%- endfor %}
    from readings
    window earlier as (
        partition by post_id order by observed_on rows between unbounded preceding and 1 preceding
    )
),

gains as (
    select
        post_id,
        business_id,
        social_account_id,
        platform,
        published_on,
        observed_on
        {%- for figure in gained_figures() %},
        {{ figure }} - {{ figure }}_before[2] as {{ figure }}_gain,
        case
            when {{ figure }} is not null then observed_on - date 'epoch' - {{ figure }}_before[1]::integer
        end as {{ figure }}_days
        {%- endfor %}
    from with_baselines
)

select
    post_id,
    business_id,
    social_account_id,
    platform,
    published_on,
    observed_on,
    likes_gain,
    likes_days,
    comments_gain,
    comments_days,
    shares_gain,
    shares_days,
    case
        when num_nonnulls(likes_gain, comments_gain, shares_gain) > 0
            then coalesce(likes_gain, 0) + coalesce(comments_gain, 0) + coalesce(shares_gain, 0)
    end as engagements_gain,
    greatest(likes_days, comments_days, shares_days) as engagements_days,
    impressions_gain,
    impressions_days,
    reach_gain,
    reach_days,
    clicks_gain,
    clicks_days,
    video_views_gain,
    video_views_days
from gains
