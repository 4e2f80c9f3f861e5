-- Statistics and autovacuum of large tables. By default PostgreSQL looks at a table again when a fifth or a tenth of it has
-- changed. An account is a thousandth of a table of a thousand accounts: it would not be known for weeks.

create function ops.set_autovacuum(p_table regclass) returns void
language plpgsql
as $$
declare
    before constant text := current_setting('lock_timeout');
    missing text;
begin
    select string_agg(format('%s = %s', wanted.name, wanted.value), ', ') into missing
    from pg_class as present
    cross join (
        values
        ('autovacuum_vacuum_scale_factor', '0.02'),
        ('autovacuum_vacuum_insert_scale_factor', '0.05'),
        ('autovacuum_analyze_scale_factor', '0.01')
    ) as wanted (name, value)
    where
        present.oid = p_table
        and pg_has_role(present.relowner, 'usage')
        and not exists (
            select from unnest(present.reloptions) as option (text) where option.text like wanted.name || '=%'
        );
    if missing is not null then
        perform set_config('lock_timeout', '1s', true);
        execute format('alter table %s set (%s)', p_table, missing);
        perform set_config('lock_timeout', before, true);
    end if;
exception when lock_not_available then
    -- A vacuum is at work. The next build of all rows tries again.
    null;
end
$$;
comment on function ops.set_autovacuum(regclass) is
    'Has autovacuum look at a table when 1 or 2 % of it have changed. Values that are set already stay, and so do tables of other owners';

select ops.set_autovacuum(tables.oid)
from pg_class as tables
where
    tables.relkind = 'r'
    and (
        tables.relnamespace = 'landing'::regnamespace
        or (
            tables.relnamespace = 'ops'::regnamespace
            and tables.relname in (
                'calendar_reads', 'conversation_reads', 'deferred_rows', 'loads', 'quarantine', 'sync_runs', 'webhook_events'
            )
        )
    );

alter table ops.transforms add column accounts_grew boolean not null default false;
comment on column ops.transforms.accounts_grew is
    'whether it processes the first rows of an account, or as many new ones as the account had: the tables need new statistics';

create or replace view ops.current_transform as
select
    coalesce((select max(started_at) from ops.transforms where state = 'running'), now()) as transform_at,
    coalesce(
        (select max(started_at) from ops.transforms where state = 'succeeded' and selection is null), '-infinity'
    ) as last_success_at,
    coalesce((select photos from ops.transforms order by transform_id desc limit 1), true) as photos,
    coalesce((select bool_or(full_rebuild) from ops.transforms where state = 'running'), false) as full_rebuild,
    coalesce((select bool_or(accounts_grew) from ops.transforms where state = 'running'), false) as accounts_grew;

---------------------------------------------------------------------- indexes

-- What a sync has landed, when it compares lists with heads
create index loads_by_run on ops.loads (sync_run_id) where sync_run_id is not null;
-- The newest event of each account, and those of a week
create index webhook_events_by_account on ops.webhook_events (account_id, received_at);
-- Whether another version of the dbt project has transformed: every transform asks, and the log may have a million rows.
create index transforms_by_project on ops.transforms (project_hash, transform_id)
where selection is null and (full_rebuild or state = 'succeeded');
create index transforms_full_rebuilds on ops.transforms (transform_id) where full_rebuild;
