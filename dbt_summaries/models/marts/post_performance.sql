{{
    config(
        materialized='incremental',
        incremental_strategy='replace_changed_days',
        unique_key='post_id',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[{'columns': ['published_on']}, {'columns': ['social_account_id', 'published_on']}],
        pre_hook='{{ lock_against_other_runs() }}',
    )
}}
{%- set first, next = changed_range() %}
{%- set of_the_post = [
    'post_id', 'business_id', 'social_account_id', 'platform', 'post_type', 'published_at', 'published_on',
] %}
{%- set figures = [
    'likes', 'comments', 'shares', 'engagements', 'impressions', 'reach', 'clicks', 'video_views', 'engagement_rate',
] %}
{#- Age → how much later the reading may be. #}
{%- set ages = {'1h': ('1 hour', '1 hour'), '24h': ('24 hours', '24 hours'), '7d': ('7 days', '24 hours'),
    '30d': ('30 days', '7 days')} %}
{%- set columns = of_the_post + figures + [
    'click_through_rate', 'readings', 'first_read_at', 'last_read_at', 'age_hours',
    'engagements_after_1h', 'engagements_after_24h', 'engagements_after_7d', 'engagements_after_30d',
] %}
{%- set ranks = ['ranked_posts', 'engagement_rank', 'engagement_percentile', 'multiple_of_median'] %}

with changed_posts as (
    select
        posts.{{ (of_the_post + figures) | join(',\n        posts.') }},
        100 * posts.clicks::double precision / nullif(posts.impressions, 0) as click_through_rate,
        posts.read_at as last_read_at,
        (extract(epoch from posts.read_at - posts.published_at) / 3600)::double precision as age_hours,
        all_readings.*,
        with_age.*
    from {{ ref('int_posts') }} as posts
    -- Post by post, a few steps into an index: so it costs the same for each, however many there are, and hardly more
    -- for one with many readings. Only readings up to the one in int_posts: others may have come since it was built.
    cross join lateral (
        select
            count(*) as readings,
            -- Of a single day of readings the time may have become a later one since.
            least(min(observations.fetched_at), posts.read_at) as first_read_at
        {{ readings_until('posts') }}
    ) as all_readings
    cross join lateral (
        select
            {%- for name, (age, tolerance) in ages.items() %}
            ({{ engagements_after('posts', age, tolerance) }}) as engagements_after_{{ name }}{{ ',' if not loop.last }}
            {%- endfor %}
    ) as with_age
    where posts.published_on >= {{ first }} and posts.published_on < {{ next }}
),

{% if is_incremental() -%}
-- The accounts that have, or had, a post on the changed days, and after which day their ranked posts are published,
-- before or after the change. Materialized, as else it is computed anew for each of their posts.
touched_accounts as materialized (
    select
        accounts.social_account_id,
        least(
            (
                select max(posts.published_on)
                from {{ this }} as posts
                where posts.social_account_id = accounts.social_account_id
            ),
            greatest(
                accounts.newest_changed,
                (
                    select max(posts.published_on)
                    from {{ this }} as posts
                    where
                        posts.social_account_id = accounts.social_account_id
                        and (posts.published_on < {{ first }} or posts.published_on >= {{ next }})
                        and posts.post_id not in (select changed_posts.post_id from changed_posts)
                )
            )
        ) - 90 as ranked_after
    from (
        select
            posts.social_account_id,
            max(posts.changed_on) as newest_changed
        from (
            select
                social_account_id,
                published_on as changed_on
            from changed_posts
            union all
            select
                social_account_id,
                null as changed_on
            from {{ this }}
            where published_on >= {{ first }} and published_on < {{ next }}
        ) as posts
        group by posts.social_account_id
    ) as accounts
),

-- Their other posts that are ranked, or will be. Because of the order, the planner looks them up account by account.
other_posts as (
    select posts.*
    from touched_accounts as accounts
    cross join lateral (
        select existing.*
        from {{ this }} as existing
        where
            existing.social_account_id = accounts.social_account_id
            and existing.published_on > accounts.ranked_after
        order by existing.published_on
    ) as posts
    where
        (posts.published_on < {{ first }} or posts.published_on >= {{ next }})
        and posts.post_id not in (select changed_posts.post_id from changed_posts)
),
{%- endif %}

candidates as (
    select
        {{ columns | join(', ') }}
        {%- if is_incremental() %},
        true as is_changed
        {%- for column in ranks %},
        null as existing_{{ column }}
        {%- endfor %}
        {%- endif %}
    from changed_posts
    {%- if is_incremental() %}
    union all
    select
        {{ columns | join(', ') }},
        false as is_changed,
        {{ ranks | join(', ') }}
    from other_posts
    {%- endif %}
),

ranked_posts as (
    select
        post_id,
        social_account_id,
        engagements,
        count(*) over of_account as ranked_posts,
        rank() over (of_account order by engagements desc) as engagement_rank,
        100 * cume_dist() over (of_account order by engagements) as engagement_percentile
    from (
        select
            *,
            max(published_on) over (partition by social_account_id) as newest
        from candidates
    ) as posts
    where published_on > newest - 90 and engagements is not null
    window of_account as (partition by social_account_id)
),

medians as (
    select
        social_account_id,
        percentile_cont(0.5) within group (order by engagements) as median
    from ranked_posts
    group by social_account_id
),

ranking as (
    select
        ranked_posts.*,
        case when medians.median > 0 then ranked_posts.engagements / medians.median end as multiple_of_median
    from ranked_posts
    inner join medians on ranked_posts.social_account_id = medians.social_account_id
)

select
    {%- for column in columns %}
    candidates.{{ column }},
    {%- endfor %}
    {%- for column in ranks %}
    ranking.{{ column }},
    {%- endfor %}
    now() as updated_at
from candidates
left join ranking on candidates.post_id = ranking.post_id
{%- if is_incremental() %}
-- Others stay as they are, and are many.
where
    candidates.is_changed
    or (
        {%- for column in ranks %}
        ranking.{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    ) is distinct from (
        {%- for column in ranks %}
        candidates.existing_{{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endif %}
