{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        contract={'enforced': true},
        pre_hook='{{ delete_changed_windows() }}',
    )
}}

-- Built are the accounts that have no rows: the pre-hook deleted those whose window the changed days touch.
with windows as (
    select
        newest.*,
        businesses.time_zone,
        days.window_end,
        days.window_end - {{ 7 * var('posting_times_weeks') }} + 1 as window_start
    from {{ source('application', 'social_accounts') }} as accounts
    -- One step into the index (account, publish day) per account.
    cross join lateral (
        select
            figures.business_id,
            figures.social_account_id,
            figures.platform,
            figures.published_at
        from {{ ref('int_posts') }} as figures
        where figures.social_account_id = accounts.id
        order by figures.published_on desc, figures.published_at desc
        limit 1
    ) as newest
    inner join {{ ref('stg_businesses') }} as businesses on newest.business_id = businesses.business_id
    cross join lateral (select (newest.published_at at time zone businesses.time_zone)::date) as days (window_end)
    {%- if is_incremental() %}
    where accounts.id not in (select existing.social_account_id from {{ this }} as existing)
    {%- endif %}
),

posts as (
    select
        windows.business_id,
        windows.social_account_id,
        windows.platform,
        windows.time_zone,
        windows.window_start,
        windows.window_end,
        extract(isodow from local.published_at)::smallint as weekday,
        extract(hour from local.published_at)::smallint as hour,
        figures.engagements,
        figures.impressions,
        figures.engagement_rate
    from windows
    -- Because of the order, the planner looks them up account by account.
    cross join lateral (
        select of_account.*
        from {{ ref('int_posts') }} as of_account
        where
            of_account.social_account_id = windows.social_account_id
            -- No zone is a whole day away from UTC.
            and of_account.published_on >= windows.window_start - 1
        order by of_account.published_on
    ) as figures
    cross join lateral (select figures.published_at at time zone windows.time_zone) as local (published_at)
    where local.published_at >= windows.window_start
),

accounts as (
    select
        social_account_id,
        count(*) as account_posts,
        count(engagement_rate) as account_rated_posts,
        percentile_cont(0.5) within group (order by engagement_rate) as account_median_engagement_rate
    from posts
    group by social_account_id
),

hours as (
    select
        business_id,
        social_account_id,
        platform,
        time_zone,
        window_start,
        window_end,
        weekday,
        hour,
        count(*) as posts,
        count(engagement_rate) as rated_posts,
        percentile_cont(0.5) within group (order by engagement_rate) as median_engagement_rate,
        100 * (sum(engagements) filter (where impressions is not null))::double precision
        / nullif(sum(impressions) filter (where engagements is not null), 0) as avg_engagement_rate,
        array_agg(engagement_rate order by engagement_rate) filter (where engagement_rate is not null) as rates,
        -- The interval of the median by ranks: from the rate of this rank to that of the same rank from above. With
        -- fewer than 6 rates it is 0, which is no place in the array: NULL.
        floor((count(engagement_rate) + 1) / 2.0 - 0.98 * sqrt(count(engagement_rate)))::integer as low_rank
    from posts
    group by business_id, social_account_id, platform, time_zone, window_start, window_end, weekday, hour
),

lifts as (
    select
        hours.*,
        accounts.account_posts,
        accounts.account_rated_posts,
        accounts.account_median_engagement_rate,
        {%- for rate, lift in [
            ('hours.median_engagement_rate', 'engagement_lift'),
            ('hours.rates[hours.low_rank]', 'engagement_lift_low'),
            ('hours.rates[hours.rated_posts + 1 - hours.low_rank]', 'engagement_lift_high'),
        ] %}
        case
            when accounts.account_median_engagement_rate > 0
                then 100 * ({{ rate }} / accounts.account_median_engagement_rate - 1)
        end as {{ lift }}{{ ',' if not loop.last }}
        {%- endfor %}
    from hours
    inner join accounts on hours.social_account_id = accounts.social_account_id
)

select
    business_id,
    social_account_id,
    platform,
    time_zone,
    window_start,
    window_end,
    weekday,
    hour,
    posts,
    rated_posts,
    median_engagement_rate,
    avg_engagement_rate,
    account_posts,
    account_rated_posts,
    account_median_engagement_rate,
    engagement_lift,
    engagement_lift_low,
    engagement_lift_high,
    case
        when account_rated_posts < {{ var('posting_times_least_posts') }} then 'not enough posts'
        when engagement_lift_low > 0 then 'better than usual'
        when engagement_lift_high < 0 then 'worse than usual'
        else 'no clear difference'
    end as recommendation,
    now() as updated_at
from lifts
