{#
    What a run for given publish days rebuilds where a mart goes by the day of reading: the days of which something was
    built anew, in this run or one before it, after the mart was. Without given days, and when a table is built for the
    first time, that is everything.
#}

{% macro rebuilds_some_days() %}
    {{ return(is_incremental() and changed_days()[0] is not none) }}
{% endmacro %}

{#
    The touched days, found under the locks of the pre-hook and kept for the model in a temporary table, so that both
    mean the same days. Analyzed, so that the planner takes an index for a few and none for all. `changes` are what the
    mart is made of, as queries of (day, changed_at) about the changed publish days; `is_of_day` is the condition for
    the mart's rows of the day `changes.day`.
#}
{% macro create_touched_days(changes, is_of_day) %}
    create temporary table touched_days on commit drop as
    select changes.day
    from (
        {{ changes | join('\n        union all\n        ') }}
    ) as changes (day, changed_at)
    group by changes.day
    having
        max(changes.changed_at) >= coalesce(
            (select min(built.updated_at) from {{ this }} as built where {{ is_of_day }}), '-infinity'
        );
    analyze touched_days
{%- endmacro %}

{# An array of them. #}
{% macro touched_days() -%}
    array(select touched_days.day from touched_days)
{%- endmacro %}

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

{# Of one row each, as those of a platform, publish day and day of reading are built together. #}
{% macro changed_gains() %}
    {%- set first, next = changed_range() -%}
    select
        found.observed_on,
        case
            -- Gains that are gone tell no time: the mart may have been built of them after their readings were found gone.
            when found.readings = 0 then statement_timestamp()
            else (
                select built.updated_at from {{ ref('post_daily_gains') }} as built
                where
                    built.platform = found.platform
                    and built.published_on = found.published_on
                    and built.observed_on = found.observed_on
                limit 1
            )
        end as updated_at
    from {{ ref('int_reading_days') }} as found
    where found.published_on >= {{ first }} and found.published_on < {{ next }}
{%- endmacro %}

{#
    Pre-hooks: see changed_window.sql. The locks on what the mart is made of wait for whoever builds that: all that he
    built before the mart's own time is then seen.
#}
{% macro lock_against_other_runs() %}
    {% if is_incremental() %}
        {{ lock_to_build(this) }}
    {% endif %}
{% endmacro %}

{% macro delete_touched_days() %}
    {% if is_incremental() %}
        {{ lock_to_read(ref('int_reading_days')) }};
        {{ lock_to_read(ref('int_account_days')) }};
        {{ lock_to_build(this) }};
        {% if rebuilds_some_days() %}
            {{ create_touched_days([changed_reading_days(), changed_account_days()], 'built.day = changes.day') }};
        {% endif %}
        delete from {{ this }} {% if rebuilds_some_days() %} where day = any({{ touched_days() }}) {% endif %}
    {% endif %}
{% endmacro %}

{% macro delete_touched_periods() %}
    {% if is_incremental() %}
        {{ lock_to_read(ref('int_reading_days')) }};
        {{ lock_to_read(ref('int_account_days')) }};
        {{ lock_to_read(ref('post_daily_gains')) }};
        {{ lock_to_build(this) }};
        {% if rebuilds_some_days() %}
            {{ create_touched_days(
                [changed_reading_days(), changed_account_days(), changed_gains()],
                "built.period_type = 'daily' and built.period_start = changes.day",
            ) }};
        {% endif %}
        delete from {{ this }}
        {% if rebuilds_some_days() %} where {{ holds_one_of(touched_days(), 'period_type', 'period_start') }} {% endif %}
    {% endif %}
{% endmacro %}
