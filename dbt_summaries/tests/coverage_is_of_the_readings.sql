{{ config(meta={'description': 'Metrics known of more readings than there are, and shares that are not of the two.'}) }}

select *
from {{ ref('platform_coverage') }}
where
    readings < 1
    or known not between 0 and readings
    or null_share is distinct from 100 * (readings - known)::double precision / nullif(readings, 0)
