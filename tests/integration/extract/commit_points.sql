-- Holds the n-th transaction of a sync just before it commits, for as long as another session holds the advisory lock 4711.
create sequence commit_points;
create table held_commit (n bigint);

create function hold_commit() returns trigger
language plpgsql
as $$
begin
    -- once per transaction
    if current_setting('test.counted', true) is distinct from 'yes' then
        perform set_config('test.counted', 'yes', true);
        if nextval('commit_points') = (select n from held_commit) then
            perform pg_advisory_lock(4711);
        end if;
    end if;
    return null;
end
$$;

create constraint trigger hold_commit after insert or update on ops.sync_runs
deferrable initially deferred for each row execute function hold_commit();
create constraint trigger hold_commit after insert or delete on ops.sync_reads
deferrable initially deferred for each row execute function hold_commit();
