{# Hooks of all models, in the transaction that builds them, for plans that fit. #}

{# A pre-hook: what PostgreSQL allows a sort or hash by default is gone with the sums of a few months of posts. #}
{% macro give_memory() %}
    set local work_mem = '64MB'
{% endmacro %}

{#
    A pre-hook where readings are grouped: the planner takes publish days and days of reading for unrelated, expects as
    many groups as rows, and would sort them all.
#}
{% macro group_by_hashing() %}
    set local enable_sort = off;
    set local enable_incremental_sort = off
{% endmacro %}

{# A post-hook: the planner has to know a table before it can find a few of its rows by an index. #}
{% macro analyze_when_built_anew() %}
    {% if not is_incremental() and model.config.materialized != 'view' %}
        analyze {{ this }}
    {% endif %}
{% endmacro %}
