with

source as (
    select * from {{ landed('expenses') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as expense_id,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ as_bigint('reservationId') }} as reservation_id,
        {{ as_bigint('ownerStatementId') }} as owner_statement_id,
        {{ as_bigints('ownerStatementIds') }} as owner_statement_ids,
        {{ as_bigint('ownerUserId') }} as owner_user_id,

        ---------- text
        {{ as_text('type') }} as expense_type,
        {{ as_text('concept') }} as concept,
        {{ as_texts('categoriesNames') }} as category_names,
        {{ as_text('listingName') }} as listing_name,
        {{ as_text('guestName') }} as guest_name,

        ---------- numerics
        {{ as_numeric('amount') }} as amount,

        ---------- booleans
        {{ as_boolean('isDeleted') }} as is_removed,

        ---------- dates
        {{ as_date('expenseDate') }} as expense_date,

        ---------- timestamps
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("expenses") }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
