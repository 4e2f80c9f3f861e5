with

source as (
    select * from {{ landed('users') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as user_id,
        {{ as_bigint('userGroupId') }} as user_group_id,
        {{ as_bigints('listingMapIds') }} as listing_ids,

        ---------- text
        {{ as_text('userGroupName') }} as user_group_name,
        lower({{ as_text('email') }}) as email,
        {{ as_text('firstName') }} as first_name,
        {{ as_text('lastName') }} as last_name,
        {{ as_text('title') }} as title,
        {{ as_text('phone') }} as phone,
        {{ as_text('timezone') }} as time_zone,

        ---------- booleans
        {{ as_boolean('isAdmin') }} as is_admin,
        coalesce({{ as_boolean('isDisabledByAccount') }}, false)
        or coalesce({{ as_boolean('isDisabledByHostaway') }}, false) as is_disabled,
        {{ as_boolean('hasAccessToNewListings') }} as has_access_to_new_listings,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("users") }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
