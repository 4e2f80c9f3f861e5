with

source as (
    select * from {{ landed('reservation_logs') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        split_part(entity_id, ':', 1) as log_source,
        {{ text_as_bigint("split_part(entity_id, ':', 2)") }} as reservation_log_id,
        parent_id as reservation_id,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ as_bigint('channelId') }} as channel_id,
        {{ as_bigint('updatedByUserId') }} as changed_by_user_id,

        ---------- text
        {{ as_text('updatedField') }} as field_name,
        {{ as_text('updatedFieldLabel') }} as field_label,
        {{ masked_value('previousValue', as_text('updatedField')) }} as old_value,
        {{ masked_value('newValue', as_text('updatedField')) }} as new_value,
        {{ as_text('updatedByUserName') }} as changed_by_user_name,

        ---------- timestamps
        {{ as_timestamptz('insertedOn') }} as changed_at,
        {{ as_timestamptz('updatedOn') }} as updated_at,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("reservation_logs", drop=["previousValue", "newValue"]) }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
