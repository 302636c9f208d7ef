{#
    A query: of the rows of the CTE `found`, those that the table does not have like that, with the time of the change;
    and those that the table has and `found` has not any more, with a count of 0: kept, so that what is told of their
    days is rebuilt. Whoever is made of such a table finds by the time what he has to rebuild. It is a time after the
    pre-hook's lock, and so after the beginning of every transaction that read the table without the change. `keys` make
    a row; the first of `figures` is the count; `window` is the column of the changed days.
#}
{% macro what_differs(found, keys, figures, window) %}
{%- set first, next = changed_range() -%}
select
    {%- for column in keys + figures %}
    {{ found }}.{{ column }},
    {%- endfor %}
    statement_timestamp() as changed_at
from {{ found }}
{%- if is_incremental() %}
left join (
    select * from {{ this }} where {{ window }} >= {{ first }} and {{ window }} < {{ next }}
) as existing using ({{ keys | join(', ') }})
where
    ({% for column in figures %}{{ found }}.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
    is distinct from ({% for column in figures %}existing.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
union all
select
    {%- for column in keys %}
    gone.{{ column }},
    {%- endfor %}
    {%- for column in figures %}
    0 as {{ column }},
    {%- endfor %}
    statement_timestamp() as changed_at
from {{ this }} as gone
left join {{ found }} using ({{ keys | join(', ') }})
where
    gone.{{ window }} >= {{ first }}
    and gone.{{ window }} < {{ next }}
    and gone.{{ figures[0] }} > 0
    and {{ found }}.{{ figures[0] }} is null
{%- endif %}
{% endmacro %}
