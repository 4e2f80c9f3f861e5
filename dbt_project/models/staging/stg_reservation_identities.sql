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

        ---------- identities
        {{ as_bigint('channelId') }}::text
        || ':' || nullif({{ identity(as_text('guestExternalAccountId')) }}, '0') as channel_key,
        {{ real_email(as_text('guestEmail')) }} as email_key,
        lower(regexp_replace({{ identity(as_text('guestName')) }}, '\s+', ' ', 'g')) as name_key,

        ---------- how it landed
        entity_id,
        load_id,
        landed_at
    from source
)

select
    account_id,
    reservation_id,
    listing_id,
    channel_key,
    email_key,
    name_key,
    -- who is counted when the people behind one address are: some channels have a new id for each booking
    coalesce('name:' || name_key, channel_key) as person_key,
    entity_id,
    load_id,
    landed_at
from typed
