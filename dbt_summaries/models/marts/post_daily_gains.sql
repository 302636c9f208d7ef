{{
    config(
        materialized='incremental',
        incremental_strategy='append_missing',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['published_on', 'observed_on', 'platform']}, {'columns': ['observed_on']}],
        pre_hook=['{{ lock_against_other_runs() }}', '{{ delete_moved_posts() }}', '{{ delete_changed_readings() }}'],
    )
}}

{%- set first, next = changed_range() %}
{%- set figures = gained_figures() %}

with changed as (
    select
        found.platform,
        found.published_on,
        min(found.observed_on) as first_changed,
        array_agg(found.observed_on) as known_days
    from {{ ref('int_reading_days') }} as found
    where
        found.readings > 0
        and found.published_on >= {{ first }}
        and found.published_on < {{ next }}
        {%- if is_incremental() %}
        -- The pre-hook deleted what is not as it was.
        and not exists (
            select 1
            from {{ this }} as built
            where
                built.platform = found.platform
                and built.published_on = found.published_on
                and built.observed_on = found.observed_on
        )
        {%- endif %}
    group by found.platform, found.published_on
),

readings as (
    select
        posts.post_id,
        posts.business_id,
        posts.social_account_id,
        posts.platform,
        posts.published_on,
        changed.first_changed,
        observations.observed_on,
        {%- for figure in figures %}
        observations.{{ figure }},
        {%- endfor %}
        {{ reading_digest() }} as reading_digest
    from changed
    inner join {{ ref('stg_published_posts') }} as posts
        on changed.platform = posts.platform and changed.published_on = posts.published_on
    {%- if rebuilds_some_days() %}
    -- Post by post, and there from the day on: most have few readings since.
    cross join lateral (
        {{ readings_since('posts.post_id', 'changed.first_changed') }}
    ) as observations
    {%- else %}
    inner join {{ ref('stg_post_analytics') }} as observations
        on posts.post_id = observations.post_id and changed.first_changed <= observations.observed_on
    {%- endif %}
    -- Others came after int_reading_days was built: were they removed, nobody would learn that their gains are gone.
    where observations.observed_on = any(changed.known_days)
),

{% if rebuilds_some_days() -%}
-- What was known before the first of them: mostly the reading before tells all that is asked. Where it does not, all
-- readings are looked through.
posts as (
    select
        readings.post_id,
        readings.first_changed,
        case
            when
                {%- for figure in figures %}
                {{ 'and ' if not loop.first }}(count(readings.{{ figure }}) = 0 or count(before.{{ figure }}) > 0)
                {%- endfor %}
                then 1
        end as readings_to_look_at
    from readings
    left join lateral (
        {{ readings_before('readings.post_id', 'readings.first_changed', 1) }}
    ) as before on true
    group by readings.post_id, readings.first_changed
),

baselines as (
    select
        posts.post_id
        {%- for figure in figures %},
        max(array[earlier.observed_on - date 'epoch', earlier.{{ figure }}])
            filter (where earlier.{{ figure }} is not null) as {{ figure }}_before
        {%- endfor %}
    from posts
    cross join lateral (
        {{ readings_before('posts.post_id', 'posts.first_changed', 'posts.readings_to_look_at') }}
    ) as earlier
    group by posts.post_id
),

{% endif -%}

-- Of every figure the reading before that told it, as {day, figure}: arrays compare element by element, so the latest
-- is the greatest. A running maximum needs no sort of its own for each figure, as lag() over the known ones would.
-- Without one, a figure that is told within a day of publication has grown from 0; a later one from nobody knows what.
with_baselines as (
    select
        readings.*
        {%- for figure in figures %},
        coalesce(
            max(array[readings.observed_on - date 'epoch', readings.{{ figure }}])
                filter (where readings.{{ figure }} is not null) over earlier,
            {%- if rebuilds_some_days() %}
            baselines.{{ figure }}_before,
            {%- endif %}
            case
                when readings.observed_on between readings.published_on and readings.published_on + 1
                    then array[readings.published_on - 1 - date 'epoch', 0::bigint]
            end
        ) as {{ figure }}_before
        {%- endfor %}
    from readings
    {%- if rebuilds_some_days() %}
    left join baselines on readings.post_id = baselines.post_id
    {%- endif %}
    window earlier as (
        partition by readings.post_id
        order by readings.observed_on
        rows between unbounded preceding and 1 preceding
    )
),

gains as (
    select
        post_id,
        business_id,
        social_account_id,
        platform,
        published_on,
        observed_on,
        reading_digest
        {%- for figure in figures %},
        {{ figure }} - {{ figure }}_before[2] as {{ figure }}_gain,
        case
            when {{ figure }} is not null then observed_on - date 'epoch' - {{ figure }}_before[1]::integer
        end as {{ figure }}_days
        {%- endfor %}
    from with_baselines
)

select
    post_id,
    business_id,
    social_account_id,
    platform,
    published_on,
    observed_on,
    likes_gain,
    likes_days,
    comments_gain,
    comments_days,
    shares_gain,
    shares_days,
    case
        when num_nonnulls(likes_gain, comments_gain, shares_gain) > 0
            then coalesce(likes_gain, 0) + coalesce(comments_gain, 0) + coalesce(shares_gain, 0)
    end as engagements_gain,
    greatest(likes_days, comments_days, shares_days) as engagements_days,
    impressions_gain,
    impressions_days,
    reach_gain,
    reach_days,
    clicks_gain,
    clicks_days,
    video_views_gain,
    video_views_days,
    reading_digest,
    -- The mart is itself what another is made of: see what_differs.
    statement_timestamp() as updated_at
from gains
