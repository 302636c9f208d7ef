{#
    Queries of a few readings of one post, for each a step into the unique index (post, day of reading). Not from staging,
    which is materialized where a model names it more than once, and then has no index.
#}

{% macro day_of_reading() -%}
    (observations.fetched_at at time zone 'UTC')::date
{%- endmacro %}

{% macro readings_of(post_id) -%}
    from {{ source(var('platforms')[0], 'post_analytics') }} as observations
    where observations.post_id = {{ post_id }}
{%- endmacro %}

{# All readings, of each the figures whose gains are told: the queries below say which. #}
{% macro figures_of_readings(post_id) -%}
    select
        {%- for figure in gained_figures() %}
        observations.{{ post_metrics()[figure] }} as {{ figure }},
        {%- endfor %}
        {{ day_of_reading() }} as observed_on
    {{ readings_of(post_id) }}
{%- endmacro %}

{# All readings from a day on. #}
{% macro readings_since(post_id, day) %}
    {{ figures_of_readings(post_id) }}
        and {{ day_of_reading() }} >= {{ day }}
    order by {{ day_of_reading() }}
{%- endmacro %}

{# The last readings before a day; NULL = all of them. #}
{% macro readings_before(post_id, day, readings) %}
    {{ figures_of_readings(post_id) }}
        and {{ day_of_reading() }} < {{ day }}
    order by {{ day_of_reading() }} desc
    limit {{ readings }}
{%- endmacro %}

{# The readings of `posts` up to the day of its last one, as a row of int_posts knows it. #}
{% macro readings_until(posts) -%}
    {{ readings_of(posts ~ '.post_id') }}
        and {{ day_of_reading() }} <= ({{ posts }}.read_at at time zone 'UTC')::date
{%- endmacro %}

{# The engagements of the earliest reading that tells any at an age of `age` to `age` + `tolerance` (intervals). #}
{% macro engagements_after(posts, age, tolerance) %}
    {%- set published_at = "(" ~ posts ~ ".published_at at time zone 'UTC')" -%}
    select {{ engagements_of('reading') }}
    from (
        select
            observations.likes_count as likes,
            observations.comments_count as comments,
            observations.shares_count as shares
        {{ readings_until(posts) }}
            and {{ day_of_reading() }} >= ({{ published_at }} + interval '{{ age }}')::date
            and {{ day_of_reading() }} <= ({{ published_at }} + interval '{{ age }}' + interval '{{ tolerance }}')::date
            and observations.fetched_at - {{ posts }}.published_at
            between interval '{{ age }}' and interval '{{ age }}' + interval '{{ tolerance }}'
            and num_nonnulls(observations.likes_count, observations.comments_count, observations.shares_count) > 0
        order by {{ day_of_reading() }}
        limit 1
    ) as reading
{%- endmacro %}
