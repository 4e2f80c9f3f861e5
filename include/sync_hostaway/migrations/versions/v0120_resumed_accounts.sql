-- An account that is active again waits for its next sync; the status names why webhook events are dead.

alter table ops.accounts add column resumed_at timestamptz;
comment on column ops.accounts.resumed_at is
    'when it last became active again, with a new API key or after a pause; null: it was always active, or is not since this column exists';

create function ops.note_resumed_account() returns trigger
language plpgsql
as $$
begin
    new.resumed_at := clock_timestamp();
    return new;
end
$$;
create trigger note_resumed_account
before update of state on ops.accounts
for each row
when (new.state = 'active' and old.state <> 'active')
execute function ops.note_resumed_account();
