{#
    What a run rebuilds: the publish days that changed, and the periods that hold them. When no days are given, and when
    a table is built for the first time, that is all of time, so that the SQL of a model has one form. Ranges are
    half-open: first <= x < next.
#}

{#
    The changed days as a pair (first, last), both included; none, none = all. Runs give them in the environment: with
    vars that differ from those of the last call dbt parses the whole project anew. The environment is read when models
    are run, not when they are parsed, as dbt parses files anew whose variables of the environment have changed.
#}
{% macro changed_days() %}
    {% set first_day, last_day = var('first_day', none), var('last_day', none) %}
    {% if execute and first_day is none and last_day is none %}
        {% set first_day, last_day = env_var('DBT_FIRST_DAY', '') or none, env_var('DBT_LAST_DAY', '') or none %}
    {% endif %}
    {{ return((first_day, last_day)) }}
{% endmacro %}

{# The changed days, or with another unit their weeks (ISO) or months, as a pair of SQL dates (first, next). #}
{% macro changed_range(unit='day') %}
    {% set all_of_time = ("date '-infinity'", "date 'infinity'") %}
    {% set first_day, last_day = changed_days() %}
    {% if first_day is none and last_day is none %}
        {{ return(all_of_time) }}
    {% elif first_day is none or last_day is none %}
        {{ exceptions.raise_compiler_error('first_day and last_day are given together or not at all.') }}
    {% endif %}

    {% set first = modules.datetime.date.fromisoformat(first_day | string) %}
    {% set last = modules.datetime.date.fromisoformat(last_day | string) %}
    {% if last < first %}
        {{ exceptions.raise_compiler_error('last_day, ' ~ last ~ ', lies before first_day, ' ~ first ~ '.') }}
    {% elif not is_incremental() %}
        {{ return(all_of_time) }}
    {% endif %}
    {{ return((
        "date_trunc('" ~ unit ~ "', timestamp '" ~ first ~ "')::date",
        "(date_trunc('" ~ unit ~ "', timestamp '" ~ last ~ "') + interval '1 " ~ unit ~ "')::date",
    )) }}
{% endmacro %}

{#
    The months of the changed days and of the `days_after` days behind them, as a pair of SQL dates (first, next).
#}
{% macro changed_months(days_after=0) %}
    {% set first_month, next_month = changed_range('month') %}
    {% set first, next = changed_range() %}
    {{ return((
        first_month,
        "(date_trunc('month', (" ~ next ~ " + " ~ (days_after - 1) ~ ")::timestamp) + interval '1 month')::date",
    )) }}
{% endmacro %}

{# For tests of dbt, which look at what the run built: a condition. `around`: so many days before and after as well. #}
{% macro in_changed_days(column, around=0) %}
    {%- set first_day, last_day = changed_days() -%}
    {%- if first_day is none -%}
        true
    {%- else -%}
        {%- set iso = modules.datetime.date.fromisoformat -%}
        {%- set days = modules.datetime.timedelta(days=around) -%}
        {{ column }} between date '{{ iso(first_day | string) - days }}' and date '{{ iso(last_day | string) + days }}'
    {%- endif -%}
{% endmacro %}

{# The same of periods: whether one holds a changed day. #}
{% macro in_changed_periods(period_type, period_start) %}
    {%- set first_day, last_day = changed_days() -%}
    {%- if first_day is none -%}
        true
    {%- else -%}
        {%- set iso = modules.datetime.date.fromisoformat -%}
        (
            {%- for type, unit in period_types() %}
            {{ 'or ' if not loop.first }}(
                {{ period_type }} = '{{ type }}'
                and {{ period_start }} >= date_trunc('{{ unit }}', timestamp '{{ iso(first_day | string) }}')::date
                and {{ period_start }} <= date '{{ iso(last_day | string) }}'
            )
            {%- endfor %}
        )
    {%- endif -%}
{% endmacro %}

{# The changed periods of every type, as rows of (period_type, unit, length, first_start, next_start). #}
{% macro changed_periods() %}
    values
    {%- for period_type, unit in period_types() %}
        {%- set first_start, next_start = changed_range(unit) %}
        ('{{ period_type }}', '{{ unit }}', interval '1 {{ unit }}', {{ first_start }}, {{ next_start }})
        {{- ',' if not loop.last }}
    {%- endfor %}
{% endmacro %}

{#
    Pre-hooks, in the transaction of the insert, where a run gives all rows of a window again. The lock makes a second
    run wait, which else would insert the same rows again; readers go on.
#}
{% macro delete_changed_months(days_after=0) %}
    {% if is_incremental() %}
        {% set first, next = changed_months(days_after) %}
        {{ lock_to_build(this) }};
        delete from {{ this }}
        where month_start >= {{ first }} and month_start < {{ next }}
    {% endif %}
{% endmacro %}

{% macro delete_months_since_the_changed() %}
    {% if is_incremental() %}
        {% set first, next = changed_range('month') %}
        {{ lock_to_build(this) }};
        delete from {{ this }} where month_start >= {{ first }}
    {% endif %}
{% endmacro %}

{# The rows of accounts whose window may be another: a changed day is in it or, if it has posts, behind it; or of
   which the business moved, or the window has another length by now. A day is up to one off, as windows are of the business's zone and publish days of UTC. #}
{% macro delete_changed_windows() %}
    {% if is_incremental() %}
        {% set first, next = changed_range() %}
        {{ lock_to_build(this) }};
        delete from {{ this }} as existing
        where
            existing.window_start <= {{ next }}
            and (
                existing.window_end >= {{ first }} - 1
                or existing.social_account_id in (
                    select figures.social_account_id
                    from {{ ref('int_posts') }} as figures
                    where figures.published_on >= {{ first }} and figures.published_on < {{ next }}
                )
            )
            or existing.window_end - existing.window_start + 1 <> {{ 7 * var('posting_times_weeks') }}
            or not exists (
                select 1
                from {{ source('application', 'businesses') }} as businesses
                where
                    businesses.id = existing.business_id
                    and businesses.timezone = existing.time_zone
            )
    {% endif %}
{% endmacro %}
