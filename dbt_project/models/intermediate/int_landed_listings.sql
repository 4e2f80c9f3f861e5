select
    account_id,
    entity_id
from {{ ref('stg_listings') }}
