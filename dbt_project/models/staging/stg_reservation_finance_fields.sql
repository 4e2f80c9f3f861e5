with

source as (
    select * from {{ landed('reservations') }} as landed
),

elements as (
    select
        source.account_id,
        source.entity_id,
        source.load_id,
        source.deleted_at,
        element.payload,
        element.place
    from source
    inner join lateral jsonb_array_elements(
        {{ as_list("source.payload -> 'financeField'") }}
    ) with ordinality as element (payload, place) on true
    where jsonb_typeof(element.payload) = 'object'
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as reservation_id,
        coalesce({{ as_bigint('id') }}, -place) as finance_field_id,
        {{ as_bigint('listingFeeSettingId') }} as fee_setting_id,
        {{ as_bigint('guestInvoiceChargeId') }} as guest_charge_id,

        ---------- text
        lower({{ as_text('type') }}) as component_type,
        {{ as_text('name') }} as component_name,
        {{ as_text('title') }} as title,
        {{ as_text('alias') }} as alias,
        {{ as_text('amountType') }} as amount_type,
        {{ as_text('appliedPer') }} as applied_per,

        ---------- numerics
        {{ as_numeric('value') }} as value,
        {{ as_numeric('amount') }} as amount,
        {{ as_numeric('quantity') }} as quantity,
        {{ as_numeric('total') }} as total,

        ---------- booleans
        {{ as_boolean('isIncludedInTotalPrice') }} as is_included_in_total,
        {{ as_boolean('isOverriddenByUser') }} as is_overridden,
        {{ as_boolean('isAddedByUser') }} as is_added_by_user,
        {{ as_boolean('isMandatory') }} as is_mandatory,
        {{ as_boolean('isDeleted') }} as is_removed,

        ---------- timestamps
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        place,
        entity_id,
        load_id
    from elements
)

select * from typed
