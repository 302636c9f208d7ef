{# (type of period, its unit in SQL). #}
{% macro period_types() %}
    {{ return([('daily', 'day'), ('weekly', 'week'), ('monthly', 'month')]) }}
{% endmacro %}

{# A condition: whether the period holds one of the days. Arrays, so that the planner takes an index. #}
{% macro holds_one_of(days, period_type, period_start) %}
    (
        {%- for type, unit in period_types() %}
        {{ 'or ' if not loop.first }}(
            {{ period_type }} = '{{ type }}'
            and {{ period_start }} = any(array(select date_trunc('{{ unit }}', unnest({{ days }})::timestamp)::date))
        )
        {%- endfor %}
    )
{%- endmacro %}
