alter table ops.calendars add column left_at timestamptz;
comment on column ops.calendars.left_at is
    'when a reservation that had taken nights of it last landed with another listing: it is due until it was read later';

-- Here, because all that land reservations have to do it, and only here is the row as it was before.
create function ops.note_left_calendar() returns trigger
language plpgsql
as $$
begin
    update ops.calendars
    set left_at = clock_timestamp()
    where account_id = old.account_id and listing_id::text = old.payload ->> 'listingMapId';
    return null;
end
$$;

-- invariant: nights that a reservation gives back with its listing are read again
create trigger note_left_calendar
after update of payload on landing.reservations
for each row
when (old.payload ->> 'listingMapId' is distinct from new.payload ->> 'listingMapId')
execute function ops.note_left_calendar();

-- Deltas are most of the log, and nobody looks for them here.
drop index ops.sync_runs_by_account;
create index sync_runs_by_account on ops.sync_runs (account_id, resource, started_at desc) where mode <> 'delta';
create index sync_runs_of_syncs on ops.sync_runs (finished_at) where mode <> 'delta';
