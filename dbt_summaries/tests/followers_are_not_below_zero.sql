{{
    config(
        severity='warn',
        meta={'description': 'Accounts with fewer followers than none. Warns only: figures are kept as they came.'},
    )
}}

select
    social_account_id,
    day
from {{ ref('account_growth') }}
where {{ in_changed_days('day') }} and followers < 0
