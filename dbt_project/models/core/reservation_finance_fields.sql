{%- set reservations_read = rows_to_process('reservations', keys_only=true) -%}
{{ config(
    unique_key=["account_id", "reservation_id", "finance_field_id"],
) }}

with

batch as materialized (
    select * from {{ rows_to_process('reservations', staged='stg_reservation_finance_fields') }} as batch
),

listed as (
    select distinct on (batch.account_id, batch.reservation_id, batch.finance_field_id)
        batch.account_id,
        batch.reservation_id,
        batch.finance_field_id,
        batch.fee_setting_id,
        batch.guest_charge_id,
        batch.component_type,
        batch.component_name,
        batch.title,
        batch.alias,
        batch.amount_type,
        batch.applied_per,
        batch.value,
        batch.amount,
        batch.quantity,
        batch.total,
        batch.is_included_in_total,
        batch.is_overridden,
        batch.is_added_by_user,
        batch.is_mandatory,
        batch.is_removed,
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
    order by batch.account_id asc, batch.reservation_id asc, batch.finance_field_id asc, batch.place desc
),

{% if is_incremental() %}

-- An element that the reservation no longer lists keeps only its key: the values may be erased personal data.
removed as (
    select
        present.account_id,
        present.reservation_id,
        present.finance_field_id,
        null::bigint as fee_setting_id,
        null::bigint as guest_charge_id,
        null::text as component_type,
        null::text as component_name,
        null::text as title,
        null::text as alias,
        null::text as amount_type,
        null::text as applied_per,
        null::numeric as value,
        null::numeric as amount,
        null::numeric as quantity,
        null::numeric as total,
        null::boolean as is_included_in_total,
        null::boolean as is_overridden,
        null::boolean as is_added_by_user,
        null::boolean as is_mandatory,
        null::boolean as is_removed,
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
            and present.finance_field_id = batch.finance_field_id
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
