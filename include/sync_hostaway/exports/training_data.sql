-- name: begin
set transaction isolation level repeatable read read only

-- name: core_exists
select
    to_regclass('hostaway.messages') is not null
    and to_regclass('hostaway.reservation_guests') is not null
    and to_regclass('hostaway.transcript_messages') is not null

-- name: names
-- Words of the names of guests and staff.
select distinct words.word
from (
    select guest_name as name from hostaway.guests
    union all
    select concat_ws(' ', first_name, last_name) from hostaway.guests
    union all
    select recipient_name from hostaway.conversations
    union all
    select concat_ws(' ', first_name, last_name) from hostaway.users
    union all
    select guest_name from hostaway.transcripts
) as names
cross join lateral regexp_split_to_table(names.name, '[[:space:].,;/()&"]+') as words (word)
where length(words.word) > 2

-- name: senders
select distinct sender_name from hostaway.transcript_messages where sender_name is not null

-- name: excluded
select
    count(*) filter (where conversations.is_deleted) as deleted,
    count(*) filter (where not conversations.is_deleted and {is_erased}) as erased,
    (
        select count(*)
        from hostaway.transcripts as transcripts
        where
            (%(account_id)s::bigint is null or transcripts.account_id = %(account_id)s::bigint)
            and {is_in_hostaway}
    ) as transcripts_of_mirrored_conversations
from hostaway.conversations as conversations
where {of_account}

-- name: is_erased
-- A guest was erased with all reservations and conversations that the guest had then.
exists(
    select 1 from ops.erasures as erasures
    where
        erasures.account_id = conversations.account_id
        and (
            (erasures.kind = 'conversation' and erasures.entity_id = conversations.conversation_id::text)
            or (erasures.kind = 'reservation' and erasures.entity_id = conversations.reservation_id::text)
        )
)

-- name: is_in_hostaway
-- The conversation of a transcript is mirrored as well.
exists(
    select 1 from hostaway.messages as mirrored
    inner join hostaway.conversations as conversations_mirrored
        on
            mirrored.account_id = conversations_mirrored.account_id
            and mirrored.conversation_id = conversations_mirrored.conversation_id
    where
        conversations_mirrored.account_id = transcripts.account_id
        and conversations_mirrored.reservation_id = transcripts.reservation_id
        and not mirrored.is_deleted
)

-- name: of_account
(%(account_id)s::bigint is null or conversations.account_id = %(account_id)s::bigint)

-- name: stay
-- What is said of a stay. Only fixed words and numbers, no text of a person.
jsonb_build_object(
    'channel', substring(reservations.channel_name from '^[A-Za-z_]+$'),
    'reservation_status', reservations.status_group,
    'guest_language', substring(reservations.guest_locale from '^[A-Za-z][A-Za-z]$'),
    'listing_country', substring(listings.country_code from '^[A-Za-z][A-Za-z]$'),
    'listing_type', substring(listings.room_type from '^[a-z_]+$'),
    'bedrooms', listings.bedrooms,
    'capacity', listings.person_capacity,
    'nights', reservations.nights,
    'guests', reservations.number_of_guests
)

-- name: known
-- The personal data and secrets that are known and not in messages only. The redaction looks for each of them.
jsonb_build_object(
    'ACCESS', jsonb_build_array(
        landed_listings.payload ->> 'wifiPassword',
        landed_listings.payload ->> 'wifiUsername',
        landed_listings.payload ->> 'doorSecurityCode',
        landed_reservations.payload ->> 'doorCode'
    ),
    'EMAIL', jsonb_build_array(addressee.email, reservations.guest_email, guests.email),
    'PHONE', jsonb_build_array(reservations.guest_phone, guests.phone),
    'CODE', jsonb_build_array(
        reservations.confirmation_code, reservations.channel_reservation_id, listings.property_license_number
    ),
    'ADDRESS', jsonb_build_array(
        reservations.guest_address, reservations.guest_zip_code, listings.street, listings.address,
        listings.public_address, listings.zip_code
    ),
    'NAME', jsonb_build_array(
        addressee.name, reservations.guest_name, reservations.guest_first_name, reservations.guest_last_name,
        guests.guest_name, guests.first_name, guests.last_name
    )
)

-- name: messages
-- A row per message, in the order of conversations and of messages in a conversation. Only its first message has the
-- data of the conversation.
select
    conversations.account_id,
    conversations.conversation_id,
    messages.body,
    messages.subject,
    messages.sender,
    messages.is_incoming,
    messages.sent_at,
    case
        when
            row_number() over (
                partition by conversations.account_id, conversations.conversation_id
                order by messages.sent_at, messages.message_id
            ) = 1
            then jsonb_build_object(
                'source', 'hostaway',
                'context', {stay} || jsonb_build_object(
                    'conversation_type', substring(conversations.conversation_type from '^[a-z-]+$'),
                    'days_before_arrival', reservations.arrival_date - (messages.sent_at at time zone 'UTC')::date
                ),
                'known', {known},
                'person', person.person
            )
    end as about
from hostaway.conversations as conversations
inner join hostaway.messages as messages
    on
        conversations.account_id = messages.account_id
        and conversations.conversation_id = messages.conversation_id
left join hostaway.reservations as reservations
    on
        conversations.account_id = reservations.account_id
        and conversations.reservation_id = reservations.reservation_id
left join hostaway.reservation_guests as links
    on reservations.account_id = links.account_id and reservations.reservation_id = links.reservation_id
left join hostaway.guests as guests on links.account_id = guests.account_id and links.guest_id = guests.guest_id
left join hostaway.listings as listings
    on
        conversations.account_id = listings.account_id
        and coalesce(conversations.listing_id, reservations.listing_id) = listings.listing_id
left join landing.listings as landed_listings
    on
        listings.account_id = landed_listings.account_id
        and listings.listing_id::text = landed_listings.entity_id
left join landing.reservations as landed_reservations
    on
        reservations.account_id = landed_reservations.account_id
        and reservations.reservation_id::text = landed_reservations.entity_id
cross join lateral (select conversations.recipient_email as email, conversations.recipient_name as name) as addressee
cross join lateral (
    -- The guest over all accounts, by the person's own address.
    select coalesce(
        case when guests.has_real_email then 'email ' || guests.email end,
        'guest ' || links.account_id || ' ' || links.guest_id,
        'address ' || conversations.recipient_email,
        'conversation ' || conversations.account_id || ' ' || conversations.conversation_id
    ) as person
) as person
where
    {of_account}
    and not conversations.is_deleted
    and not messages.is_deleted
    and coalesce(messages.status, 'sent') = 'sent'
    and btrim(messages.body) <> ''
    and not {is_erased}
order by conversations.account_id, conversations.conversation_id, messages.sent_at, messages.message_id

-- name: transcript_messages
-- As messages, of imported transcripts. Transcripts of erased guests are not there any more. A message whose sender is
-- not known has no role, and is left out.
select
    transcripts.account_id,
    transcripts.transcript_id as conversation_id,
    messages.body,
    null::text as subject,
    messages.sender,
    messages.is_incoming,
    messages.sent_at,
    case
        when
            row_number() over (
                partition by transcripts.account_id, transcripts.transcript_id order by messages.message_number
            ) = 1
            then jsonb_build_object(
                'source', 'transcript',
                'context', {stay} || jsonb_build_object(
                    'days_before_arrival',
                    coalesce(reservations.arrival_date, transcripts.stay_date)
                    - (messages.sent_at at time zone 'UTC')::date
                ),
                'known', {known},
                'person', coalesce(
                    case when guests.has_real_email then 'email ' || guests.email end,
                    'guest ' || reservations.account_id || ' ' || reservations.guest_id,
                    'name ' || transcripts.account_id || ' ' || lower(transcripts.guest_name),
                    'transcript ' || transcripts.account_id || ' ' || transcripts.transcript_id
                )
            )
    end as about
from hostaway.transcripts as transcripts
inner join hostaway.transcript_messages as messages
    on transcripts.account_id = messages.account_id and transcripts.transcript_id = messages.transcript_id
left join hostaway.reservations as reservations
    on transcripts.account_id = reservations.account_id and transcripts.reservation_id = reservations.reservation_id
left join hostaway.guests as guests
    on reservations.account_id = guests.account_id and reservations.guest_id = guests.guest_id
left join hostaway.listings as listings
    on transcripts.account_id = listings.account_id and transcripts.listing_id = listings.listing_id
left join landing.listings as landed_listings
    on listings.account_id = landed_listings.account_id and listings.listing_id::text = landed_listings.entity_id
left join landing.reservations as landed_reservations
    on
        reservations.account_id = landed_reservations.account_id
        and reservations.reservation_id::text = landed_reservations.entity_id
cross join lateral (select null::text as email, transcripts.guest_name as name) as addressee
where
    (%(account_id)s::bigint is null or transcripts.account_id = %(account_id)s::bigint)
    and not transcripts.is_deleted
    and not messages.is_deleted
    and messages.sender is not null
    and btrim(messages.body) <> ''
    and not {is_in_hostaway}
order by transcripts.account_id, transcripts.transcript_id, messages.message_number
