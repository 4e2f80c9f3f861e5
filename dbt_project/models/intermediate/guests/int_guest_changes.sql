-- noqa: disable=LT02,AL05
with

batch as materialized (
    select *
    from {{ rows_to_process(
        'reservations', staged='int_reservation_identities', changes_only=guests_are_linked()
    ) }} as batch
),

coverage as materialized (
    select coverage.account_id, coverage.parents_complete_until
    from (select distinct batch.account_id from batch) as accounts
    cross join {{ lateral_lookup(
        ref('int_parent_coverage'),
        "coverage",
        "coverage.account_id = accounts.account_id and coverage.resource = 'reservations'",
    ) }}
),

-- reservations whose listing is in core, or will not come
loadable as materialized (
    select batch.*
    from batch
    where
        batch.reservation_id is not null
        and (
            batch.listing_id is null
            or {{ parent_is_known('reservations', 'batch.account_id', 'batch.listing_id') }}
            {%- if guests_are_linked() %}
            or {{ exists_lookup(
                source('earlier', 'reservation_guests'),
                "earlier",
                "earlier.account_id = batch.account_id and earlier.reservation_id = batch.reservation_id",
            ) }}
            {%- endif %}
            or batch.landed_at < (
                select coverage.parents_complete_until
                from coverage
                where coverage.account_id = batch.account_id
            )
        )
)

select
    loadable.account_id,
    loadable.reservation_id,
    {%- for column in evidence_columns() %}
    loadable.{{ column }},
    {%- endfor %}
    {%- if guests_are_linked() %}
    earlier.guest_id as earlier_guest_id,
    earlier.channel_key as earlier_channel_key,
    earlier.email_key as earlier_email_key,
    earlier.phone_key as earlier_phone_key
from loadable
left join {{ lateral_lookup(
    source('earlier', 'reservation_guests'),
    "earlier",
    "earlier.account_id = loadable.account_id and earlier.reservation_id = loadable.reservation_id",
) }} on true
where
    earlier.reservation_id is null
    -- a changed project may have other rules for guests
    or (select current_transform.full_rebuild from {{ source("ops", "current_transform") }} as current_transform)
    or (loadable.{{ evidence_columns() | join(", loadable.") }})
    is distinct from (earlier.{{ evidence_columns() | join(", earlier.") }})
    {%- else %}
    null::bigint as earlier_guest_id,
    null::text as earlier_channel_key,
    null::text as earlier_email_key,
    null::text as earlier_phone_key
from loadable
    {%- endif %}
