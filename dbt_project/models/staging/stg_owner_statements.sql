with

source as (
    select * from {{ landed('owner_statements') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as owner_statement_id,
        {{ as_bigints('accessByUsers') }} as access_user_ids,
        {{ as_bigints('listingMapIds', "payload -> 'filterParametersJson'") }} as listing_ids,

        ---------- text
        {{ as_text('statementName') }} as statement_name,
        {{ as_text('invoiceName') }} as invoice_name,
        {{ as_text('dateType', "payload -> 'filterParametersJson'") }} as date_type,
        {{ as_text('currency', "payload -> 'financeDataJson'") }} as currency,
        {{ as_text('propertyManagerName') }} as property_manager_name,
        {{ as_text('propertyManagerEmail') }} as property_manager_email,
        {{ as_text('propertyManagerAddress') }} as property_manager_address,
        {{ as_text('propertyManagerPhone') }} as property_manager_phone,
        {{ as_text('propertyOwnerName') }} as property_owner_name,
        {{ as_text('propertyOwnerEmail') }} as property_owner_email,
        {{ as_text('propertyOwnerAddress') }} as property_owner_address,
        {{ as_text('propertyOwnerPhone') }} as property_owner_phone,
        {{ as_text('notes') }} as notes,

        ---------- numerics
        {{ as_numeric('expensesTotal', "payload -> 'grandTotalJson'") }} as expenses_total,
        {{ as_numeric('grandTotalAmount', "payload -> 'grandTotalJson'") }} as grand_total,

        ---------- dates
        {{ as_date('fromDate', "payload -> 'filterParametersJson'") }} as from_date,
        {{ as_date('toDate', "payload -> 'filterParametersJson'") }} as to_date,

        ---------- timestamps
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("owner_statements", drop=["financeDataJson", "expenses"]) }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
