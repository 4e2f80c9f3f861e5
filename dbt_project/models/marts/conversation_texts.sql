-- Each half has an index for search_words, which a query of the view uses: the expressions have to be the same.
select
    messages.account_id,
    'hostaway' as source,
    messages.conversation_id::text as conversation_key,
    messages.message_id::text as message_key,
    messages.conversation_id,
    null::text as transcript_id,
    messages.listing_id,
    messages.reservation_id,
    reservations.guest_id,
    messages.sender,
    messages.is_incoming,
    messages.sent_at,
    messages.body_text,
    to_tsvector('simple'::regconfig, messages.body_text) as search_words
from {{ ref('messages') }} as messages
left join {{ ref('reservations') }} as reservations
    on messages.account_id = reservations.account_id and messages.reservation_id = reservations.reservation_id
where not messages.is_deleted
union all
select
    messages.account_id,
    'transcript' as source,
    messages.transcript_id as conversation_key,
    messages.message_number::text as message_key,
    null::bigint as conversation_id,
    messages.transcript_id,
    messages.listing_id,
    messages.reservation_id,
    reservations.guest_id,
    messages.sender,
    messages.is_incoming,
    messages.sent_at,
    messages.body as body_text,
    to_tsvector('simple'::regconfig, messages.body) as search_words
from {{ ref('transcript_messages') }} as messages
left join {{ ref('reservations') }} as reservations
    on messages.account_id = reservations.account_id and messages.reservation_id = reservations.reservation_id
where not messages.is_deleted
