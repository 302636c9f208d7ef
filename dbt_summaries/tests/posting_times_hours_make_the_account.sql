{{
    config(
        meta={
            'description': 'Hours that do not add up to the posts of their account, intervals without their lift in'
                ~ ' them, and advice from too few posts.',
        },
    )
}}

with accounts as (
    select
        social_account_id,
        sum(posts) as posts,
        sum(rated_posts) as rated_posts
    from {{ ref('posting_times') }}
    group by social_account_id
)

select hours.*
from {{ ref('posting_times') }} as hours
inner join accounts on hours.social_account_id = accounts.social_account_id
where
    hours.account_posts <> accounts.posts
    or hours.account_rated_posts <> accounts.rated_posts
    or hours.engagement_lift < hours.engagement_lift_low
    or hours.engagement_lift > hours.engagement_lift_high
    or (
        hours.recommendation <> 'not enough posts'
        and hours.account_rated_posts < {{ var('posting_times_least_posts') }}
    )
