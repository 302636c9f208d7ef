{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['month_start']}],
        pre_hook="{{ delete_changed_months() }}",
    )
}}
{%- set first, next = changed_range('month') %}

select
    business_id,
    social_account_id,
    platform,
    date_trunc('month', published_on::timestamp)::date as month_start,
    count(*) as posts,
    sum(impressions)::bigint as impressions,
    count(impressions) as posts_with_impressions,
    count(*) filter (where num_nonnulls(engagements, impressions) = 2) as rated_posts,
    (sum(engagements) filter (where impressions is not null))::bigint as rated_engagements,
    (sum(impressions) filter (where engagements is not null))::bigint as rated_impressions
from {{ ref('int_posts') }}
where published_on >= {{ first }} and published_on < {{ next }}
group by business_id, social_account_id, platform, date_trunc('month', published_on::timestamp)
