{#
    Post-hook of the marts, in the transaction that builds them: a table made anew has lost its rights. The role exists
    once `analytics-pipeline db grant-reader` was run.
#}
{% macro grant_to_reader() %}
    do $$
    begin
        if exists (select from pg_roles where rolname = 'analytics_reader')
            and not has_table_privilege('analytics_reader', '{{ this }}', 'select')
        then
            grant select on {{ this }} to analytics_reader;
        end if;
    end $$
{% endmacro %}
