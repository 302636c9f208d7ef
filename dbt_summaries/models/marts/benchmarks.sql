{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['month_start']}],
        pre_hook='{{ delete_months_since_the_changed() }}',
    )
}}
{%- set first_month, next_month = changed_range('month') %}

-- Written are the changed months and all after them: a month is the last year of another, and followers that a changed
-- day tells stand until a later day tells them.
with months as (
    select
        account_months.*,
        latest.followers,
        case
            when latest.followers < 1000 then 'under 1,000'
            when latest.followers < 10000 then '1,000 to 9,999'
            when latest.followers < 100000 then '10,000 to 99,999'
            when latest.followers >= 100000 then '100,000 and over'
        end as size_class
    from {{ ref('int_account_months') }} as account_months
    -- One step into the primary key (account, day) per month.
    left join lateral (
        select account_days.followers
        from {{ ref('stg_account_analytics') }} as account_days
        where
            account_months.social_account_id = account_days.social_account_id
            and account_months.month_start + interval '1 month' > account_days.day
            and account_days.followers is not null
        order by account_days.day desc
        limit 1
    ) as latest on true
    where account_months.month_start >= {{ first_month }} - interval '1 year'
),

figures as (
    select
        months.business_id,
        months.social_account_id,
        months.platform,
        months.month_start,
        months.followers,
        months.size_class,
        metrics.metric,
        metrics.value,
        metrics.covered_posts
    from months
    cross join lateral (
        values
            ('posts', months.posts::double precision, months.posts),
            (
                'impressions_per_post',
                months.impressions::double precision / nullif(months.posts_with_impressions, 0),
                months.posts_with_impressions
            ),
            (
                'engagement_rate',
                100 * months.rated_engagements::double precision / nullif(months.rated_impressions, 0),
                months.rated_posts
            )
    ) as metrics (metric, value, covered_posts)
),

peers as (
    select
        platform,
        size_class,
        month_start,
        metric,
        -- One that went to another business in that month has a value for each of the two.
        count(distinct social_account_id) filter (where value is not null) as peer_accounts,
        case
            when count(distinct social_account_id) filter (where value is not null) >= 5
                then percentile_cont(array[0.25, 0.5, 0.75]) within group (order by value)
        end as quartiles
    from figures
    where size_class is not null
    group by platform, size_class, month_start, metric
)

select
    figures.business_id,
    figures.social_account_id,
    figures.platform,
    figures.month_start,
    figures.metric,
    figures.value,
    figures.covered_posts,
    last_year.value as value_last_year,
    case
        when last_year.value > 0 then 100 * (figures.value - last_year.value) / last_year.value
    end as change_on_last_year,
    figures.followers,
    figures.size_class,
    peers.peer_accounts,
    peers.quartiles[1] as peer_quartile_1,
    peers.quartiles[2] as peer_median,
    peers.quartiles[3] as peer_quartile_3,
    case
        when figures.value <= peers.quartiles[1] then 1
        when figures.value <= peers.quartiles[2] then 2
        when figures.value <= peers.quartiles[3] then 3
        when figures.value > peers.quartiles[3] then 4
    end::smallint as quarter,
    now() as updated_at
from figures
left join figures as last_year
    on
        figures.business_id = last_year.business_id
        and figures.social_account_id = last_year.social_account_id
        and figures.metric = last_year.metric
        and (figures.month_start - interval '1 year')::date = last_year.month_start
left join peers
    on
        figures.platform = peers.platform
        and figures.size_class = peers.size_class
        and figures.month_start = peers.month_start
        and figures.metric = peers.metric
where figures.month_start >= {{ first_month }}
