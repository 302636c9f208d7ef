{{
    config(meta={
        'description': 'Gains without the days that they cover or the other way round, gains since before publication, and'
            ~ ' engagements that are not those of likes, comments and shares.',
        'dagster': {'ref': {'name': 'post_daily_gains'}},
    })
}}

select
    post_id,
    observed_on
from {{ ref('post_daily_gains') }}
where
    {{ in_changed_days('published_on') }}
    and (
        false
        {%- for figure in gained_figures() + ['engagements'] %}
        or num_nulls({{ figure }}_gain, {{ figure }}_days) = 1
        or {{ figure }}_days < 1
        {%- endfor %}
        or (engagements_gain is null) <> (num_nonnulls(likes_gain, comments_gain, shares_gain) = 0)
        or engagements_gain <> coalesce(likes_gain, 0) + coalesce(comments_gain, 0) + coalesce(shares_gain, 0)
    )
