-- name: conversation
-- If a reservation has several conversations, the one that was used last.
select conversation_id
from hostaway.conversations
where account_id = %(account_id)s and reservation_id = %(reservation_id)s and not is_deleted
order by greatest(last_sent_at, last_received_at) desc nulls last, conversation_id desc
limit 1

-- name: hint
-- Makes the delta read the whole conversation, as after a webhook. Hostaway sends no webhook for messages of the host.
insert into ops.webhook_events (
    account_id, content_hash, event, object, object_id, conversation_id, reservation_id
)
values (
    %(account_id)s,
    sha256(convert_to('outbox ' || %(outbox_id)s::text, 'UTF8')),
    'message.sent',
    'conversationMessage',
    %(message_id)s,
    %(conversation_id)s,
    %(reservation_id)s
)
on conflict (account_id, content_hash) do nothing
