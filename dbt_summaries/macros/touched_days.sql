{#
    What a run for given publish days rebuilds where a mart goes by the day of reading: the days of which something was
    built anew, in this run or one before it, after the mart was. Without given days, and when a table is built for the
    first time, that is everything.
#}

{% macro rebuilds_some_days() %}
    {{ return(is_incremental() and changed_days()[0] is not none) }}
{% endmacro %}

{#
    An array of days, as a literal: in place of a subquery, so that the planner knows how many there are, and takes an
    index for a few and none for all. `changes` are what the mart is made of, as queries of (day, changed_at) about the
    changed publish days; `is_of_day` is the condition for the mart's rows of the day `changes.day`.
#}
{% macro touched_days(changes, is_of_day) %}
    {%- set query -%}
        select changes.day
        from (
            {{ changes | join('\n            union all\n            ') }}
        ) as changes (day, changed_at)
        group by changes.day
        having
            max(changes.changed_at) >= coalesce(
                (select min(built.updated_at) from {{ this }} as built where {{ is_of_day }}), '-infinity'
            )
    {%- endset -%}
    {{ return("'{" ~ run_query(query).columns[0].values() | join(',') ~ "}'::date[]") }}
{% endmacro %}

{% macro changed_reading_days() %}
    {%- set first, next = changed_range() -%}
    select observed_on, changed_at from {{ ref('int_reading_days') }}
    where published_on >= {{ first }} and published_on < {{ next }}
{%- endmacro %}

{% macro changed_account_days() %}
    {%- set first, next = changed_range() -%}
    select day, changed_at from {{ ref('int_account_days') }}
    where day >= {{ first }} and day < {{ next }}
{%- endmacro %}

{% macro changed_gains() %}
    {%- set first, next = changed_range() -%}
    select observed_on, updated_at from {{ ref('post_daily_gains') }}
    where published_on >= {{ first }} and published_on < {{ next }}
{%- endmacro %}

{# Arrays of days. Only where rebuilds_some_days(). #}
{% macro days_of_coverage() %}
    {{ return(touched_days([changed_reading_days(), changed_account_days()], 'built.day = changes.day')) }}
{% endmacro %}

{% macro days_of_activity() %}
    {{ return(touched_days(
        [changed_reading_days(), changed_account_days(), changed_gains()],
        "built.period_type = 'daily' and built.period_start = changes.day",
    )) }}
{% endmacro %}

{#
    Pre-hooks: see changed_window.sql. The locks on what the mart is made of wait for whoever builds that: all that he
    built before the mart's own time is then seen.
#}
{% macro lock_against_other_runs() %}
    {% if is_incremental() %}
        lock table {{ this }} in share row exclusive mode
    {% endif %}
{% endmacro %}

{% macro delete_touched_days() %}
    {% if is_incremental() %}
        lock table {{ ref('int_reading_days') }}, {{ ref('int_account_days') }} in share mode;
        lock table {{ this }} in share row exclusive mode;
        delete from {{ this }} {% if rebuilds_some_days() %} where day = any({{ days_of_coverage() }}) {% endif %}
    {% endif %}
{% endmacro %}

{% macro delete_touched_periods() %}
    {% if is_incremental() %}
        lock table {{ ref('int_reading_days') }}, {{ ref('int_account_days') }}, {{ ref('post_daily_gains') }} in share mode;
        lock table {{ this }} in share row exclusive mode;
        delete from {{ this }}
        {% if rebuilds_some_days() %} where {{ holds_one_of(days_of_activity(), 'period_type', 'period_start') }} {% endif %}
    {% endif %}
{% endmacro %}

{# The rows that posts have under another publish day, from which a platform moved them into the changed ones. #}
{% macro delete_moved_posts() %}
    {% if is_incremental() %}
        {% set first, next = changed_range() %}
        delete from {{ this }}
        where post_id in (
            select posts.id
            from {{ source(var('platforms')[0], 'published_posts') }} as posts
            -- One step into the primary key per post, of which all rows have the same publish day.
            cross join lateral (
                select existing.published_on
                from {{ this }} as existing
                where existing.post_id = posts.id
                limit 1
            ) as built
            where
                posts.platform in ('{{ var('platforms') | join("', '") }}')
                and posts.published_on >= {{ first }}
                and posts.published_on < {{ next }}
                and built.published_on <> posts.published_on
        )
    {% endif %}
{% endmacro %}

{# A post-hook: the rows of the changed publish days whose posts are gone, or moved to another day. #}
{% macro delete_gone_posts() %}
    {% if is_incremental() %}
        {% set first, next = changed_range() %}
        delete from {{ this }} as gone
        where
            gone.published_on >= {{ first }}
            and gone.published_on < {{ next }}
            and not exists (
                select 1
                from {{ source(var('platforms')[0], 'published_posts') }} as posts
                where posts.id = gone.post_id and posts.published_on = gone.published_on
            )
    {% endif %}
{% endmacro %}
