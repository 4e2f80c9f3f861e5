-- name: conversation
select conversation_id
from hostaway.conversations
where account_id = %(account_id)s and conversation_id = %(conversation_id)s and not is_deleted

-- name: messages
select
    message_id,
    reservation_id,
    body,
    subject,
    communication_type as channel_type,
    status,
    sender,
    is_incoming,
    is_seen,
    attachments_count,
    sent_at
from hostaway.messages
where
    account_id = %(account_id)s
    and conversation_id = %(conversation_id)s
    and message_id > %(after)s
    and not is_deleted
order by message_id
limit %(rows)s
