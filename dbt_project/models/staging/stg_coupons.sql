with

source as (
    select * from {{ landed('coupons') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as coupon_id,
        {{ as_bigint('userId') }} as user_id,

        ---------- text
        {{ as_text('name') }} as name,

        ---------- numerics
        {{ as_integer('type') }} as coupon_type,
        {{ as_numeric('amount') }} as amount,
        {{ as_integer('minimumNights') }} as minimum_nights,
        {{ as_integer('numberOfUsesInitial') }} as uses_granted,
        {{ as_integer('numberOfUsesUsed') }} as uses_made,

        ---------- booleans
        {{ as_boolean('isActive') }} as is_active,
        {{ as_boolean('isExpired') }} as is_expired,

        ---------- dates
        {{ as_date('checkInDateStart') }} as check_in_from_date,
        {{ as_date('checkInDateEnd') }} as check_in_until_date,
        {{ as_date('validityDateStart') }} as valid_from_date,
        {{ as_date('validityDateEnd') }} as valid_until_date,

        ---------- how it landed
        deleted_at is not null as is_deleted,
        {{ masked("coupons") }} as pms_meta,
        entity_id,
        load_id
    from source
)

select * from typed
