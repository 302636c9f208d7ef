{{
    config(meta={
        'description': 'Gains that do not add up to what was read, and first figures that are told as gains though the post was days'
            ~ ' old, or not though it was new. Posts that were read or moved since they were built are left out.',
        'dagster': {'ref': {'name': 'post_daily_gains'}},
    })
}}
{%- set figures = gained_figures() %}

with readings as (
    select
        posts.post_id,
        posts.published_on,
        observations.observed_on,
        {{ reading_digest() }} as digest,
        observations.{{ figures | join(',\n        observations.') }}
    from {{ ref('stg_published_posts') }} as posts
    inner join {{ ref('stg_post_analytics') }} as observations on posts.post_id = observations.post_id
    where {{ in_changed_days('posts.published_on') }}
),

gains as (
    select
        post_id,
        observed_on,
        published_on as built_for,
        reading_digest,
        {{ figures | join('_gain,\n        ') }}_gain
    from {{ ref('post_daily_gains') }}
    where {{ in_changed_days('published_on') }}
),

-- Of each figure what is known by then: the gains, and the first figure where that is no gain.
added_up as (
    select
        post_id,
        observed_on,
        readings.published_on,
        bool_and(
            (gains.reading_digest, gains.built_for) is not distinct from (readings.digest, readings.published_on)
        ) over (partition by post_id) as is_as_built
        {%- for figure in figures %},
        readings.{{ figure }},
        gains.{{ figure }}_gain,
        sum(coalesce(gains.{{ figure }}_gain, readings.{{ figure }})) over until_then as {{ figure }}_by_then,
        count(readings.{{ figure }}) over until_then as {{ figure }}_told
        {%- endfor %}
    from gains
    full join readings using (post_id, observed_on)
    window until_then as (partition by post_id order by observed_on)
)

select
    post_id,
    observed_on
from added_up
where
    is_as_built
    and (
        false
        {%- for figure in figures %}
        or {{ figure }} <> {{ figure }}_by_then
        or ({{ figure }} is null and {{ figure }}_gain is not null)
        or (
            {{ figure }}_told = 1
            and {{ figure }} is not null
            and ({{ figure }}_gain is not null) <> (observed_on between published_on and published_on + 1)
        )
        {%- endfor %}
    )
