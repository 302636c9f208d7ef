{{
    config(meta={
        'description': 'Changes of followers that are not those since the day before that has them.',
        'dagster': {'ref': {'name': 'account_growth'}},
    })
}}

select
    growth.social_account_id,
    growth.day
from {{ ref('account_growth') }} as growth
-- What is left of removed accounts may lack days.
inner join {{ source('application', 'social_accounts') }} as accounts on growth.social_account_id = accounts.id
-- One step into the primary key (account, day) per row.
left join lateral (
    select
        earlier.day,
        earlier.followers
    from {{ ref('account_growth') }} as earlier
    where
        earlier.social_account_id = growth.social_account_id
        and earlier.day < growth.day
        and earlier.followers is not null
    order by earlier.day desc
    limit 1
) as before on growth.followers is not null
where
    {{ in_changed_days('growth.day') }}
    and (growth.followers_change, growth.change_days, growth.growth_rate)
    is distinct from (
        growth.followers - before.followers,
        growth.day - before.day,
        100 * (growth.followers - before.followers)::double precision / nullif(before.followers, 0)
    )
