-- Landing and core hold the same listings: a landed row is in core or held back, and core has no other.
-- Rows of loads that no transform has finished are not looked at.
select
    coalesce(landed.account_id, core.account_id) as account_id,
    coalesce(landed.entity_id, core.entity_id) as entity_id,
    case when landed.entity_id is null then 'only in core' else 'only in landing' end as trouble
from {{ source('landing', 'listings') }} as landed
full join {{ entities_of('listings') }} as core
    on landed.account_id = core.account_id and landed.entity_id = core.entity_id
where
    landed.entity_id is null
    or (
        core.entity_id is null
        and not exists (
            select 1 from {{ source('ops', 'held_rows') }} as held
            where
                held.resource = 'listings'
                and held.account_id = landed.account_id
                and held.entity_id = landed.entity_id
        )
        and not exists (
            select 1 from {{ source('ops', 'loads') }} as loads
            where loads.load_id = landed.load_id and loads.transformed_at is null
        )
    )
