with

reservations as (
    select
        account_id,
        reservation_id,
        listing_id,
        channel_id,
        guest_external_account_id,
        guest_email_as_sent,
        guest_phone,
        coalesce(
            guest_name, nullif(concat_ws(' ', guest_first_name, guest_last_name), '')
        ) as guest_name,
        entity_id,
        load_id,
        landed_at
    from {{ ref('stg_reservations') }}
),

-- each of them computed once, however often it is read
spelled as (
    select
        reservations.*,
        written.email,
        written.name_words
    from reservations
    cross join {{ spelled_identities("reservations.guest_email_as_sent", "reservations.guest_name", "written") }}
)

select
    account_id,
    reservation_id,
    listing_id,
    channel_id::text || ':' || {{ channel_identity('guest_external_account_id') }} as channel_key,
    {{ email_identity('email') }} as email_key,
    {{ phone_identity('guest_phone') }} as phone_key,
    name_words,
    {{ name_key('name_words') }} as name_key,
    entity_id,
    load_id,
    landed_at
from spelled
