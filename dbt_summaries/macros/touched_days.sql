{#
    What a run for given publish days rebuilds where a mart goes by the day of reading: the days on which posts of the
    changed publish days were read, and, as account figures are read for the same days, the changed days themselves.
    Without given days, and when a table is built for the first time, that is everything.
#}

{% macro rebuilds_some_days() %}
    {{ return(is_incremental() and changed_days()[0] is not none) }}
{% endmacro %}

{#
    The dates that a query of one column finds, as a literal: in place of a subquery, so that the planner knows how many
    there are, and takes an index for a few and none for all.
#}
{% macro literal_dates(query) %}
    {{ return("'{" ~ run_query(query).columns[0].values() | join(',') ~ "}'::date[]") }}
{% endmacro %}

{# A subquery. Only where rebuilds_some_days(), as all that follow. #}
{% macro touched_days() %}
    {%- set first, next = changed_range() -%}
    select observed_on as day
    from {{ ref('int_reading_days') }}
    where published_on >= {{ first }} and published_on < {{ next }}
    union
    select generate_series({{ first }}::timestamp, {{ next }} - interval '1 day', interval '1 day')::date
{%- endmacro %}

{# An array: the first days of the periods that hold a touched day. #}
{% macro touched_starts(unit) %}
    {%- set query -%}
        select distinct date_trunc('{{ unit }}', day::timestamp)::date
        from ({{ touched_days() }}) as touched
    {%- endset -%}
    {{ return(literal_dates(query)) }}
{% endmacro %}

{# An array: all days of the weeks and months that hold a touched day. #}
{% macro days_of_touched_periods() %}
    {%- set query -%}
        select distinct generate_series(start, start + length - interval '1 day', interval '1 day')::date
        from ({{ touched_days() }}) as touched
        cross join (values ('week', interval '1 week'), ('month', '1 month')) as units (unit, length)
        cross join lateral (select date_trunc(unit, day::timestamp)) as starts (start)
    {%- endset -%}
    {{ return(literal_dates(query)) }}
{% endmacro %}

{# Conditions: always true where everything is rebuilt. #}
{% macro is_touched(day) %}
    {%- if rebuilds_some_days() -%}
        {{ day }} = any({{ literal_dates(touched_days()) }})
    {%- else -%}
        true
    {%- endif -%}
{% endmacro %}

{% macro is_touched_period(period_type, period_start) %}
    {%- if rebuilds_some_days() -%}
        (
            {%- for type, unit in [('daily', 'day'), ('weekly', 'week'), ('monthly', 'month')] %}
            {{ 'or ' if not loop.first }}({{ period_type }} = '{{ type }}' and {{ period_start }} = any({{ touched_starts(unit) }}))
            {%- endfor %}
        )
    {%- else -%}
        true
    {%- endif -%}
{% endmacro %}

{# Pre-hooks: see changed_window.sql. #}
{% macro lock_against_other_runs() %}
    {% if is_incremental() %}
        lock table {{ this }} in share row exclusive mode
    {% endif %}
{% endmacro %}

{% macro delete_touched_days() %}
    {% if is_incremental() %}
        lock table {{ this }} in share row exclusive mode;
        delete from {{ this }} where {{ is_touched('day') }}
    {% endif %}
{% endmacro %}

{% macro delete_touched_periods() %}
    {% if is_incremental() %}
        lock table {{ this }} in share row exclusive mode;
        delete from {{ this }} where {{ is_touched_period('period_type', 'period_start') }}
    {% endif %}
{% endmacro %}

{# The rows that posts have under another publish day, from which a platform moved them into the changed ones. #}
{% macro delete_moved_posts() %}
    {% if is_incremental() %}
        {% set first, next = changed_range() %}
        delete from {{ this }} as moved
        using {{ source(var('platforms')[0], 'published_posts') }} as posts
        where
            moved.post_id = posts.id
            and moved.published_on <> posts.published_on
            and posts.platform in ('{{ var('platforms') | join("', '") }}')
            and posts.published_on >= {{ first }}
            and posts.published_on < {{ next }}
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
