{#
    Incremental strategies. A model gives the rows of the changed days or periods, and others that may have changed with
    them. Written are those that the table does not have like that, whatever their `updated_at`; deleted are those of
    the changed days or periods that the model does not give any more. So a run for years of which little changed
    writes little.
#}

{% macro get_incremental_replace_changed_days_sql(arguments) %}
    {% set names = arguments.dest_columns | map(attribute='name') | list %}
    {% set day = 'published_on' if 'published_on' in names else 'day' %}
    {% set first, next = changed_range() %}
    {{ return(replace_rows(arguments, 'built.' ~ day ~ ' >= ' ~ first ~ ' and built.' ~ day ~ ' < ' ~ next)) }}
{% endmacro %}

{% macro get_incremental_replace_changed_periods_sql(arguments) %}
    {% set changed = [] %}
    {% for period_type, unit in period_types() %}
        {% set first_start, next_start = changed_range(unit) %}
        {% do changed.append(
            "(built.period_type = '" ~ period_type ~ "' and built.period_start >= " ~ first_start
            ~ " and built.period_start < " ~ next_start ~ ")"
        ) %}
    {% endfor %}
    {# Not a join with the periods: the planner would go through the whole table. #}
    {{ return(replace_rows(arguments, changed | join(' or '))) }}
{% endmacro %}

{# The rows that are not there. Where a post moved since the pre-hooks deleted what is outdated, gains of the day that it was
   of are in the place of those of its new day: the run that follows the move builds both days. #}
{% macro get_incremental_append_missing_sql(arguments) %}
    {% set names = arguments.dest_columns | map(attribute='name') | join(', ') %}
    insert into {{ arguments.target_relation }} ({{ names }})
    select {{ names }}
    from {{ arguments.temp_relation }}
    on conflict do nothing
{% endmacro %}

{% macro replace_rows(arguments, is_changed) %}
    {% set key = [arguments.unique_key] if arguments.unique_key is string else arguments.unique_key %}
    {% set names = arguments.dest_columns | map(attribute='name') | list %}
    {% set written = names | reject('in', key) | list %}
    {% set figures = written | reject('equalto', 'updated_at') | list %}
    {% set same_key -%}
        {%- for column in key %}{{ ' and ' if not loop.first }}built.{{ column }} = found.{{ column }}{% endfor -%}
    {%- endset %}
    -- The pages of an index are in memory, or on a disk without heads: so few rows are found by it, and all by a join.
    set local random_page_cost = 1.1;

    update {{ arguments.target_relation }} as built
    set {% for column in written %}{{ column }} = found.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
    from {{ arguments.temp_relation }} as found
    where
        {{ same_key }}
        and (built.{{ figures | join(', built.') }}) is distinct from (found.{{ figures | join(', found.') }});

    delete from {{ arguments.target_relation }} as built
    where
        ({{ is_changed }})
        and not exists (select 1 from {{ arguments.temp_relation }} as found where {{ same_key }});

    insert into {{ arguments.target_relation }} ({{ names | join(', ') }})
    select {{ names | join(', ') }}
    from {{ arguments.temp_relation }} as found
    where not exists (select 1 from {{ arguments.target_relation }} as built where {{ same_key }})
{% endmacro %}

{#
    Ends `create table`: the pages of a table of these strategies are left half empty. The new version of a row fits
    next to the old one then, and no index has to be told of it, which takes longer than to write the row. dbt looks
    for a macro of this name.
#}
{% macro postgres__get_table_columns_and_constraints() %}
    {{ table_columns_and_constraints() }}
    {% if (config.get('incremental_strategy') or '').startswith('replace_changed_') %} with (fillfactor = 45) {% endif %}
{% endmacro %}
