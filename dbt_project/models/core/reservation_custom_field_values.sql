{%- set reservations_read = rows_to_process('reservations', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "reservation_id", "custom_field_id"],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('reservations', staged='stg_reservation_custom_field_values') }} as batch
),

listed as (
    select distinct on (batch.account_id, batch.reservation_id, batch.custom_field_id)
        batch.account_id,
        batch.reservation_id,
        batch.custom_field_id,
        batch.field_name,
        batch.field_type,
        batch.field_value,
        batch.is_public,
        batch.inserted_at,
        batch.updated_at,
        batch.is_deleted
    from batch
    -- Those of a deferred reservation come with it. The links have the same reservations, and are built earlier.
    where {{ exists_lookup(
        ref('reservation_guests'),
        "parent",
        "parent.account_id = batch.account_id and parent.reservation_id = batch.reservation_id",
    ) }}
    order by batch.account_id asc, batch.reservation_id asc, batch.custom_field_id asc, batch.place desc
),

{% if is_incremental() %}

-- An element that the reservation no longer lists keeps only its key: the values may be erased personal data.
removed as (
    select
        present.account_id,
        present.reservation_id,
        present.custom_field_id,
        null::text as field_name,
        null::text as field_type,
        null::text as field_value,
        null::boolean as is_public,
        null::timestamptz as inserted_at,
        null::timestamptz as updated_at,
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
            and present.custom_field_id = batch.custom_field_id
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
