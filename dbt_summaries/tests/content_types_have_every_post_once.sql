{{
    config(meta={
        'description': 'Traits whose classes do not add up to the posts of the account and month.',
        'dagster': {'ref': {'name': 'content_types'}},
    })
}}

with traits as (
    select
        business_id,
        social_account_id,
        month_start,
        trait,
        sum(posts) as posts
    from {{ ref('content_types') }}
    where {{ in_changed_periods("'monthly'", 'month_start') }}
    group by business_id, social_account_id, month_start, trait
),

months as (
    select
        account_months.business_id,
        account_months.social_account_id,
        account_months.month_start,
        names.trait,
        account_months.posts
    from {{ ref('int_account_months') }} as account_months
    cross join (select distinct types.trait from {{ ref('content_types') }} as types) as names
    where {{ in_changed_periods("'monthly'", 'account_months.month_start') }}
)

select
    business_id,
    social_account_id,
    month_start,
    trait
from months
full join traits using (business_id, social_account_id, month_start, trait)
where months.posts is distinct from traits.posts
