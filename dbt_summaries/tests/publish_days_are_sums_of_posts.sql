{{
    config(
        severity='warn',
        meta={
            'description': 'Publish days that are missing, or not the sums of their posts in int_posts nor of those as they'
                ~ ' are now. Warns only: posts and readings may come between the building of the two.',
            'dagster': {'ref': {'name': 'int_publish_days'}},
        },
    )
}}
{%- set counted = {'posts': '*', 'posts_read': 'read_at'} %}
{%- set summed = covered_figures() %}
{%- for figure in summed %}
{%- do counted.update({'posts_with_' ~ figure: figure}) %}
{%- endfor %}
{%- set rates = {'engagements': ('rated_engagements', 'rated_impressions', 'posts_with_engagement_rate'),
    'clicks': ('rated_clicks', 'clickable_impressions', 'posts_with_click_through_rate')} %}
{%- set figures = counted.keys() | list + summed %}
{%- for names in rates.values() %}
{%- do figures.extend(names) %}
{%- endfor %}

{% for posts in ['int_posts', 'int_latest_readings'] %}
{{ 'with ' if loop.first }}of_{{ posts }} as (
    select
        business_id,
        platform,
        published_on,
        {%- for name, column in counted.items() %}
        count({{ column }}) as {{ name }},
        {%- endfor %}
        {%- for figure in summed %}
        sum({{ figure }}) as {{ figure }},
        {%- endfor %}
        {%- for figure, (numerator, denominator, known) in rates.items() %}
        sum({{ figure }}) filter (where impressions is not null) as {{ numerator }},
        sum(impressions) filter (where {{ figure }} is not null) as {{ denominator }},
        count(*) filter (where num_nonnulls({{ figure }}, impressions) = 2) as {{ known }},
        {%- endfor %}
        max(engagements) as most_engagements
    from {{ ref(posts) }}
    where {{ in_changed_days('published_on') }}
    group by business_id, platform, published_on
){{ ',' if not loop.last }}
{% endfor %}

select
    business_id,
    platform,
    published_on
from of_int_posts
left join of_int_latest_readings using (business_id, platform, published_on)
left join {{ ref('int_publish_days') }} as days using (business_id, platform, published_on)
where
    -- A post that moved leaves its old day when that is built.
    coalesce(days.posts, 0) <= of_int_posts.posts
    {%- for posts in ['of_int_posts', 'of_int_latest_readings'] %}
    and (days.{{ figures | join(', days.') }}, days.top_rank[1])
    is distinct from ({{ posts }}.{{ figures | join(', ' ~ posts ~ '.') }}, {{ posts }}.most_engagements)
    {%- endfor %}
