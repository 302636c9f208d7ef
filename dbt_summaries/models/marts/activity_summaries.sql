{{
    config(
        materialized='incremental',
        incremental_strategy='append',
        on_schema_change='fail',
        contract={'enforced': true},
        indexes=[
            {'columns': ['business_id', 'platform', 'period_type', 'period_start'], 'unique': true},
            {'columns': ['period_type', 'period_start']},
        ],
        pre_hook=['{{ delete_touched_periods() }}', '{{ group_by_hashing() }}'],
    )
}}
-- depends_on: {{ ref('int_reading_days') }}

with posts as (
    select
        business_id,
        platform,
        observed_on as day,
        count(*) as readings
        {%- for figure in summed_gains() %},
        sum({{ figure }}_gain) as {{ figure }}_gain,
        sum({{ figure }}_gain) filter (where {{ figure }}_days > 1) as {{ figure }}_gain_of_several_days,
        count({{ figure }}_gain) as readings_with_{{ figure }}
        {%- endfor %}
    from {{ ref('post_daily_gains') }}
    {%- if rebuilds_some_days() %}
    where observed_on in (select touched_days.day from touched_days)
    {%- endif %}
    group by business_id, platform, observed_on
),

accounts as (
    select
        business_id,
        platform,
        day,
        account_days
        {%- for figure in shown_account_figures() %},
        {{ figure }} as account_{{ figure }},
        with_{{ figure }} as account_days_with_{{ figure }}
        {%- endfor %}
    from {{ ref('int_account_days') }}
    where
        account_days > 0
        {%- if rebuilds_some_days() %}
        and day in (select touched_days.day from touched_days)
        {%- endif %}
),

days as (
    select * -- noqa: RF02
    from posts
    full join accounts using (business_id, platform, day)
    {%- if rebuilds_some_days() %}
    union all
    -- The other days of the touched weeks and months, as they stand here: the pre-hook left them.
    select
        business_id,
        platform,
        period_start as day,
        readings
        {%- for figure in summed_gains() %},
        {{ figure }}_gain,
        {{ figure }}_gain_of_several_days,
        readings_with_{{ figure }}
        {%- endfor %},
        account_days
        {%- for figure in shown_account_figures() %},
        account_{{ figure }},
        account_days_with_{{ figure }}
        {%- endfor %}
    from {{ this }}
    where
        period_type = 'daily'
        and platform <> 'all'
        -- As an array, so that the planner takes the index.
        and period_start = any(array(
            select generate_series(starts.start, starts.start + units.length - interval '1 day', interval '1 day')::date
            from touched_days
            cross join (values ('week', interval '1 week'), ('month', '1 month')) as units (unit, length)
            cross join lateral (select date_trunc(units.unit, touched_days.day::timestamp)) as starts (start)
        ))
    {%- endif %}
)

select
    md5(
        concat_ws('|', days.business_id, scopes.platform, units.period_type, to_char(starts.period_start, 'YYYY-MM-DD'))
    )::uuid as id,
    days.business_id,
    scopes.platform,
    units.period_type,
    starts.period_start,
    (starts.period_start + units.length)::date - 1 as period_end,
    coalesce(sum(days.readings), 0)::bigint as readings
    {%- for figure in summed_gains() %},
    sum(days.{{ figure }}_gain)::bigint as {{ figure }}_gain,
    sum(days.{{ figure }}_gain_of_several_days)::bigint as {{ figure }}_gain_of_several_days,
    coalesce(sum(days.readings_with_{{ figure }}), 0)::bigint as readings_with_{{ figure }}
    {%- endfor %},
    coalesce(sum(days.account_days), 0)::bigint as account_days
    {%- for figure in shown_account_figures() %},
    sum(days.account_{{ figure }})::bigint as account_{{ figure }},
    coalesce(sum(days.account_days_with_{{ figure }}), 0)::bigint as account_days_with_{{ figure }}
    {%- endfor %},
    now() as updated_at
from days
cross join (
    values ('daily', 'day', interval '1 day'), ('weekly', 'week', '1 week'), ('monthly', 'month', '1 month')
) as units (period_type, unit, length)
cross join lateral (select date_trunc(units.unit, days.day::timestamp)::date) as starts (period_start)
cross join lateral (values (days.platform), ('all')) as scopes (platform)
{%- if rebuilds_some_days() %}
where {{ holds_one_of(touched_days(), 'units.period_type', 'starts.period_start') }}
{%- endif %}
group by days.business_id, scopes.platform, units.period_type, units.length, starts.period_start
