with

source as (
    select * from {{ landed('tax_settings') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as tax_setting_id,

        ---------- text
        {{ as_text('taxType') }} as tax_type,
        {{ as_text('taxAppliedPer') }} as applied_per,
        {{ as_text('amountType') }} as amount_type,
        -- a list as JSON in a text
        case
            when {{ as_text('applyTo') }} like '[%'
                then
                    array(
                        select it.match[1]
                        from regexp_matches({{ as_text('applyTo') }}, '"([A-Za-z0-9_ ]+)"', 'g') as it (match)
                    )
        end as applied_to,

        ---------- numerics
        {{ as_numeric('amount') }} as amount,

        ---------- timestamps
        {{ as_timestamptz('insertedOn') }} as inserted_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("tax_settings") }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
