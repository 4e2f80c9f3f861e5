with

source as (
    select * from {{ landed('listings') }} as landed
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
        {{ as_list("source.payload -> 'listingFeeSetting'") }}
    ) with ordinality as element (payload, place) on true
    where jsonb_typeof(element.payload) = 'object'
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as listing_id,
        {{ as_bigint('id') }} as fee_setting_id,
        {{ as_bigint('channelId') }} as channel_id,
        {{ as_bigint('parentId') }} as parent_fee_setting_id,

        ---------- text
        {{ as_text('feeType') }} as fee_type,
        {{ as_text('feeTitle') }} as fee_title,
        {{ as_text('feeDescription') }} as fee_description,
        {{ as_text('feeAppliedPer') }} as applied_per,
        {{ as_text('amountType') }} as amount_type,
        {{ as_texts('appearsIn') }} as appears_in,

        ---------- numerics
        {{ as_numeric('amount') }} as amount,

        ---------- booleans
        {{ as_boolean('isMandatory') }} as is_mandatory,
        {{ as_boolean('isQuantitySelectable') }} as is_quantity_selectable,
        {{ as_boolean('displayInRent') }} as is_displayed_in_rent,

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
where fee_setting_id is not null
