{{ config(
    unique_key=["account_id", "listing_id", "date"]
) }}

with

-- beside the cost of reading a row no join seems dear to the planner: it plans this one by itself
due as materialized (
    select * from {{ pending('calendar_days') }} as due
),

{{ admitted('calendar_days', 'present.listing_id = due.listing_id and present.date = due.date') }},

final as (
    select
        due.account_id,
        due.listing_id,
        due.date,
        due.calendar_day_id,
        due.status,
        due.note,
        due.minimum_stay,
        due.maximum_stay,
        due.available_units,
        due.units_to_sell,
        due.desired_units_to_sell,
        due.pending_units,
        due.blocking_reservations,
        due.blocked_units,
        due.reserved_units,
        due.price,
        due.is_available,
        due.is_closed_on_arrival,
        due.is_closed_on_departure,
        due.is_deleted,
        {{ transform_at() }} as synced_at,
        due.pms_meta,
        due.deleted_at
    from admitted as due
    where due.date is not null
)

select * from final
