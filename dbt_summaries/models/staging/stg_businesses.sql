select
    id as business_id,
    timezone as time_zone
from {{ source('application', 'businesses') }}
