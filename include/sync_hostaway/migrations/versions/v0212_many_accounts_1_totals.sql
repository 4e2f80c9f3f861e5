-- Counters of each account. They were the sums of ops.account_days, whose rows are removed after their retention: so the
-- counters fell, and each scrape of the metrics read every day of every account.

create table ops.account_totals (
    account_id   bigint primary key,
    complete     bigint not null default 0,
    incomplete   bigint not null default 0,
    failed       bigint not null default 0,
    rows_changed bigint not null default 0,
    api_calls    bigint not null default 0
) with (fillfactor = 50);
comment on table ops.account_totals is
    'finished syncs and their calls since the account was registered, kept by a trigger of ops.account_days. Invariant: a total never falls when days are removed';

create function ops.add_to_account_totals() returns trigger
language plpgsql
as $$
begin
    insert into ops.account_totals as known (account_id, complete, incomplete, failed, rows_changed, api_calls)
    values (
        new.account_id,
        new.complete - coalesce(old.complete, 0),
        new.incomplete - coalesce(old.incomplete, 0),
        new.failed - coalesce(old.failed, 0),
        new.rows_changed - coalesce(old.rows_changed, 0),
        new.api_calls - coalesce(old.api_calls, 0)
    )
    on conflict (account_id) do update set
        complete = known.complete + excluded.complete,
        incomplete = known.incomplete + excluded.incomplete,
        failed = known.failed + excluded.failed,
        rows_changed = known.rows_changed + excluded.rows_changed,
        api_calls = known.api_calls + excluded.api_calls;
    return null;
end
$$;

-- A sync that ends now waits for this transaction. Otherwise it would be in neither the sums below nor the trigger.
lock table ops.account_days in share row exclusive mode;
create trigger add_to_account_totals
after insert or update on ops.account_days
for each row execute function ops.add_to_account_totals();

insert into ops.account_totals (account_id, complete, incomplete, failed, rows_changed, api_calls)
select account_id, sum(complete), sum(incomplete), sum(failed), sum(rows_changed), sum(api_calls)
from ops.account_days
group by account_id;

-- With the severity, so that the counts of all accounts are read from the index alone. The payloads are in the table.
drop index ops.quarantine_open;
create index quarantine_unresolved on ops.quarantine (account_id, resource, entity_id) include (severity)
where resolved_at is null;
