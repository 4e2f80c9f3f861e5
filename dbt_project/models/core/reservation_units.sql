{%- set reservations_read = rows_to_process('reservations', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "reservation_id", "reservation_unit_id"],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('reservations', staged='stg_reservation_units') }} as batch
),

listed as (
    select distinct on (batch.account_id, batch.reservation_id, batch.reservation_unit_id)
        batch.account_id,
        batch.reservation_id,
        batch.reservation_unit_id,
        batch.listing_unit_id,
        batch.external_reservation_id,
        batch.external_unit_id,
        batch.guest_name,
        batch.guest_first_name,
        batch.guest_last_name,
        batch.number_of_guests,
        batch.adults,
        batch.children,
        batch.infants,
        batch.pets,
        batch.total_price,
        batch.is_deleted
    from batch
    -- Those of a deferred reservation come with it. The links have the same reservations, and are built earlier.
    where {{ exists_lookup(
        ref('reservation_guests'),
        "parent",
        "parent.account_id = batch.account_id and parent.reservation_id = batch.reservation_id",
    ) }}
    order by batch.account_id asc, batch.reservation_id asc, batch.reservation_unit_id asc, batch.place desc
),

{% if is_incremental() %}

-- An element that the reservation no longer lists keeps only its key: the values may be erased personal data.
removed as (
    select
        present.account_id,
        present.reservation_id,
        present.reservation_unit_id,
        null::bigint as listing_unit_id,
        null::text as external_reservation_id,
        null::text as external_unit_id,
        null::text as guest_name,
        null::text as guest_first_name,
        null::text as guest_last_name,
        null::integer as number_of_guests,
        null::integer as adults,
        null::integer as children,
        null::integer as infants,
        null::integer as pets,
        null::numeric as total_price,
        true as is_deleted
    from {{ reservations_read }} as reservations_read
    cross join {{ lateral_lookup(
        this,
        "present",
        "present.account_id = reservations_read.account_id"
        ~ " and present.reservation_id = " ~ text_as_bigint("reservations_read.entity_id"),
    ) }}
    where not exists (
        select 1 from batch
        where
            present.account_id = batch.account_id
            and present.reservation_id = batch.reservation_id
            and present.reservation_unit_id = batch.reservation_unit_id
    )
),

{% endif %}

final as (
    select * from listed
    {% if is_incremental() %}
    union all
    select * from removed
    {% endif %}
)

select
    final.*,
    {{ current_transform_at() }} as synced_at
from final
