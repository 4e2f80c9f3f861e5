comment on column ops.outbox.state is
    'sending: in progress, or its process was killed. unknown: Hostaway did not answer and may have it, or carry it out later. Neither is sent again; the conversation is read to find it';
comment on column ops.outbox.body is
    'the text, until it is known what became of the message, for a day at most; empty afterwards';
comment on column ops.outbox.attempts is 'requests to send it; always 1 since a key is never sent again';
