{{ config(materialized='view', contract={'enforced': true}) }}

select days.day::date as day
from generate_series(date '2006-01-01', date '2065-12-31', interval '1 day') as days (day)
