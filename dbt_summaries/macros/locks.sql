{#
    Statements by which runs of dbt wait for each other, to the end of the transaction: whoever builds a table for all who
    build it or are made of it. No locks of PostgreSQL's on the table: those that keep other builders away keep autovacuum
    away too, and end its work a second later, time and again.
#}

{% macro lock_to_build(relation) -%}
    select pg_advisory_xact_lock(hashtextextended('{{ relation }}', 0))
{%- endmacro %}

{% macro lock_to_read(relation) -%}
    select pg_advisory_xact_lock_shared(hashtextextended('{{ relation }}', 0))
{%- endmacro %}
