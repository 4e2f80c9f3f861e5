with

source as (
    select * from {{ landed('reservations') }} as landed
),

typed as (
    select
        ---------- ids
        account_id,
        {{ text_as_bigint("entity_id") }} as reservation_id,
        {{ as_bigint('listingMapId') }} as listing_id,
        {{ as_bigint('channelId') }} as channel_id,

        ---------- text
        {{ as_text('guestExternalAccountId') }} as guest_external_account_id,
        {{ as_text('guestEmail') }} as guest_email,
        {{ as_text('phone') }} as guest_phone,
        coalesce(
            {{ as_text('guestName') }},
            nullif(concat_ws(' ', {{ as_text('guestFirstName') }}, {{ as_text('guestLastName') }}), '')
        ) as guest_name,

        ---------- how it landed
        entity_id,
        load_id,
        landed_at
    from source
),

-- each of them computed once, however often it is read
spelled as (
    select
        typed.*,
        written.email,
        written.name_words
    from typed
    cross join {{ spelled_identities("typed.guest_email", "typed.guest_name", "written") }}
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
