-- What `hostaway_maintenance` looks for every ten minutes.
create index outbox_unsettled on ops.outbox (account_id, tried_at) where settled_at is null;

-- A load tells nothing of what else is in the tables: `as_of` goes by complete syncs.
drop index ops.loads_transformed;
