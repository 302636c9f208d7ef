{{
    config(meta={
        'description': 'Gains without the days that they cover or the other way round, and gains since before publication.',
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
    )
