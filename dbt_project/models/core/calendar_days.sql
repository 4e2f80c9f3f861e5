{{ config(
    unique_key=["account_id", "listing_id", "date"],
    indexes=[
        {"columns": ["account_id", "synced_at"]},
    ],
) }}

with

-- materialized: otherwise the planner inlines the CTE and reads the payloads again
batch as materialized (
    select * from {{ rows_to_process('calendar_days') }} as batch
),

coverage as materialized (
    select coverage.account_id, coverage.parents_complete_until
    from (select distinct batch.account_id from batch) as accounts
    cross join {{ lateral_lookup(
        ref('int_parent_coverage'),
        "coverage",
        "coverage.account_id = accounts.account_id and coverage.resource = 'calendar_days'",
    ) }}
),

-- Rows whose listing is in core, rows that are in core themselves, and rows whose listing will not come.
loadable as (
    select batch.*
    from batch
    where
        batch.date is not null
        and batch.listing_id is not null
        and (
            {{ parent_is_known('calendar_days', 'batch.account_id', 'batch.listing_id') }}
            {%- if is_incremental() %}
            or {{ exists_lookup(
                this,
                "present",
                "present.account_id = batch.account_id and present.listing_id = batch.listing_id"
                " and present.date = batch.date",
            ) }}
            {%- endif %}
            or batch.landed_at < (
                select coverage.parents_complete_until
                from coverage
                where coverage.account_id = batch.account_id
            )
        )
),

final as (
    select
        loadable.account_id,
        loadable.listing_id,
        loadable.date,
        loadable.calendar_day_id,
        loadable.status,
        loadable.note,
        loadable.minimum_stay,
        loadable.maximum_stay,
        loadable.unit_count,
        loadable.units_to_sell,
        loadable.desired_units_to_sell,
        loadable.pending_units,
        loadable.blocking_reservations,
        loadable.blocked_units,
        loadable.reserved_units,
        loadable.price,
        loadable.is_available,
        loadable.is_closed_on_arrival,
        loadable.is_closed_on_departure,
        loadable.is_deleted,
        {{ current_transform_at() }} as synced_at,
        loadable.pms_meta,
        loadable.deleted_at
    from loadable
)

select * from final
