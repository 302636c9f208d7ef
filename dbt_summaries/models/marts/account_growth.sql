{{
    config(
        materialized='incremental',
        incremental_strategy='replace_changed_days',
        unique_key=['social_account_id', 'day'],
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['day']}],
        pre_hook='{{ lock_against_other_runs() }}',
    )
}}
{%- set first, next = changed_range() %}

-- The changed days and, of each account, the next day with a level, whose change is another when its baseline is.
with days as (
    select
        social_account_id,
        business_id,
        platform,
        day,
        followers,
        follower_gain as reported_gain
    from {{ ref('stg_account_analytics') }}
    where day >= {{ first }} and day < {{ next }} and num_nonnulls(followers, follower_gain) > 0
    {%- if is_incremental() %}
    union all
    select
        neighbours.social_account_id,
        neighbours.business_id,
        neighbours.platform,
        neighbours.day,
        neighbours.followers,
        neighbours.reported_gain
    from {{ source('application', 'social_accounts') }} as accounts
    cross join lateral (
        (
            select existing.*
            from {{ this }} as existing
            where
                existing.social_account_id = accounts.id
                and existing.day < {{ first }}
                and existing.followers is not null
            order by existing.day desc
            limit 1
        )
        union all
        (
            select existing.*
            from {{ this }} as existing
            where
                existing.social_account_id = accounts.id
                and existing.day >= {{ next }}
                and existing.followers is not null
            order by existing.day
            limit 1
        )
    ) as neighbours
    {%- endif %}
),

with_baseline as (
    select
        *,
        lag(followers) over same_knowledge as followers_before,
        lag(day) over same_knowledge as day_before
    from days
    -- Of the days with a level, the one before is the baseline.
    window same_knowledge as (partition by social_account_id, followers is null order by day)
),

growth as (
    select
        social_account_id,
        business_id,
        platform,
        day,
        followers,
        followers - followers_before as followers_change,
        case when followers is not null then day - day_before end as change_days,
        100 * (followers - followers_before)::double precision / nullif(followers_before, 0) as growth_rate,
        reported_gain
    from with_baseline
)

select
    *,
    now() as updated_at
from growth
where day >= {{ first }}
