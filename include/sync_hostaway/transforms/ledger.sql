-- name: lock
select pg_advisory_lock(%(key)s)

-- name: unlock
select pg_advisory_unlock(%(key)s)

-- name: is_transform_running
-- Whether a session holds that lock.
select exists (
    select 1
    from pg_catalog.pg_locks
    where
        locktype = 'advisory'
        and database = (select oid from pg_catalog.pg_database where datname = current_database())
        and (classid::bigint << 32) + objid::bigint = %(key)s
        and objsubid = 1
        and granted
)

-- name: pending_loads
select count(*) from ops.loads where transformed_at is null

-- name: oldest_pending
select coalesce(extract(epoch from clock_timestamp() - min(landed_at)), 0)::float as seconds
from ops.loads
where transformed_at is null

-- name: last_success
select photos
from ops.transforms
where state = 'succeeded' and selection is null
order by transform_id desc
limit 1

-- name: project_state
-- A version of the project reads everything if it is new here, or if another version has transformed since it read
-- everything. A return to an earlier version rebuilds only once a day, because two versions in parallel would alternate
-- all the time. A failed rebuild counts as a run, too: it may have written rows.
with runs as (
    select transform_id, project_hash, full_rebuild, started_at, state = 'succeeded' as succeeded
    from ops.transforms
    where selection is null and (full_rebuild or state = 'succeeded')
),

mine as materialized (
    select max(transform_id) as transform_id
    from runs
    where full_rebuild and succeeded and project_hash = %(project_hash)s
)

select
    mine.transform_id is null or exists (
        select 1 from runs
        where
            runs.full_rebuild
            and runs.project_hash = %(project_hash)s
            and not runs.succeeded
            and runs.transform_id > mine.transform_id
    ) as is_new,
    exists (
        select 1 from runs
        where
            -- not `is distinct from`: an index has no answer to that
            (runs.project_hash < %(project_hash)s or runs.project_hash > %(project_hash)s or runs.project_hash is null)
            and runs.transform_id > mine.transform_id
    ) as another_version_ran_since,
    exists (
        select 1
        from runs as again
        inner join runs as earlier
            on again.project_hash = earlier.project_hash and again.transform_id > earlier.transform_id
        where
            again.full_rebuild
            and again.succeeded
            and earlier.full_rebuild
            and earlier.succeeded
            and again.started_at > clock_timestamp() - interval '1 day'
            and exists (
                select 1 from runs as between_them
                where
                    again.project_hash is distinct from between_them.project_hash
                    and between_them.transform_id > earlier.transform_id
                    and between_them.transform_id < again.transform_id
            )
    ) as versions_alternate
from mine

-- name: core_exists
select to_regclass('staging.rows_awaiting_parent') is not null and to_regclass('hostaway.sync_logs') is not null

-- name: sync_log_is_behind
select exists (
    select 1
    from ops.sync_runs as runs
    where
        runs.finished_at > (select last_success_at from ops.current_transform) - interval '1 hour'
        -- both ends: the planner takes the index for a range
        and runs.finished_at < 'infinity'
        and runs.mode <> 'delta'
        and not exists (
            select 1 from hostaway.sync_logs as logs
            where logs.account_id = runs.account_id and logs.sync_run_id = runs.sync_run_id
        )
)

-- name: marts_are_behind
-- Transforms after webhook events do not build the marts; the next other transform does.
select exists (
    select 1
    from ops.transforms
    where
        state = 'succeeded'
        and selection is null
        and started_at > (select last_success_at from ops.current_marts_build)
)

-- name: changed_models
-- Tables in which a transform has written a row since the last build of the marts before this transform.
select distinct model ->> 'name' as name
from ops.transforms
cross join lateral jsonb_array_elements(models) as model
where
    state = 'succeeded'
    and (model ->> 'rows')::bigint > 0
    and started_at > (
        select coalesce(max(earlier.started_at), '-infinity')
        from ops.transforms as earlier
        where
            earlier.state = 'succeeded'
            and earlier.builds_marts
            and earlier.transform_id < %(transform_id)s
    )

-- name: close_abandoned
update ops.transforms
set state = 'failed', error = 'worker process was killed', finished_at = clock_timestamp()
where state = 'running'

-- name: begin
-- The stamp is later than all earlier ones, also if the clock was set back: models downstream compare these stamps.
insert into ops.transforms (requested_by, project_hash, selection, builds_marts, photos, full_rebuild, started_at)
select
    %(requested_by)s,
    %(project_hash)s,
    %(selection)s,
    %(builds_marts)s,
    %(photos)s,
    %(full_rebuild)s,
    greatest(
        clock_timestamp(), (select max(earlier.started_at) from ops.transforms as earlier) + interval '1 microsecond'
    )
returning transform_id

-- name: claim
with claimed as (
    update ops.loads set transform_id = %(transform_id)s where transformed_at is null returning resource
)

update ops.transforms
set loads = (select count(*) from claimed)
where transform_id = %(transform_id)s
returning loads, array(select distinct resource from claimed order by resource) as resources

-- name: defer_rows
with rows_without_parent as materialized (
    select resource, account_id, entity_id, missing_parent, landed_at from staging.rows_awaiting_parent
),

released as (
    delete from ops.deferred_rows as deferred
    where not exists (
        select 1 from rows_without_parent
        where
            rows_without_parent.resource = deferred.resource
            and rows_without_parent.account_id = deferred.account_id
            and rows_without_parent.entity_id = deferred.entity_id
    )
)

insert into ops.deferred_rows as deferred (account_id, resource, entity_id, missing_parent, deferred_since)
select account_id, resource, entity_id, missing_parent, landed_at from rows_without_parent
on conflict (account_id, resource, entity_id) do update set
    missing_parent = excluded.missing_parent, deferred_since = excluded.deferred_since
where (deferred.missing_parent, deferred.deferred_since) <> (excluded.missing_parent, excluded.deferred_since)

-- name: deferred_resources
-- Parents first. A row without a readable key or parent waits for another version of itself.
select
    waiting.resource,
    waiting.parent,
    coalesce(bool_or(waiting.deferred_since < known.parents_complete_until), false) as is_loadable
from (
    select
        account_id,
        resource,
        split_part(missing_parent, ' ', 1) as parent,
        min(deferred_since) filter (where split_part(missing_parent, ' ', 2) ~ '^-?[0-9]+$') as deferred_since
    from ops.deferred_rows
    group by account_id, resource, parent
) as waiting
left join lateral (
    select coverage.parents_complete_until from staging.int_parent_coverage as coverage
    where coverage.account_id = waiting.account_id and coverage.resource = waiting.resource
    limit all offset 0
) as known on true
group by waiting.resource, waiting.parent
order by array_position(array['reservations', 'conversations', 'messages', 'calendar_days'], waiting.resource)

-- name: resources_with_deferred_rows
select coalesce(array_agg(distinct resource order by resource), array[]::text[]) as resources from ops.deferred_rows

-- name: complete_loads
update ops.loads
set transformed_at = clock_timestamp()
where transform_id = %(transform_id)s and transformed_at is null

-- name: succeed
update ops.transforms
set
    state = 'succeeded',
    rows_deferred = (select count(*) from ops.deferred_rows),
    models = %(models)s,
    finished_at = clock_timestamp()
where transform_id = %(transform_id)s and state = 'running'
returning rows_deferred

-- name: fail
update ops.transforms
set state = 'failed', models = %(models)s, error = %(error)s, finished_at = clock_timestamp()
where transform_id = %(transform_id)s and state = 'running'

-- name: columns
-- The present types of the core tables' columns.
select
    present.attrelid::bigint as table_id,
    wanted.column_name,
    wanted.data_type,
    present.atttypid::bigint as type_id,
    present.atttypmod as modifier
from unnest(%(models)s::text[], %(columns)s::text[], %(types)s::text[]) as wanted (model, column_name, data_type)
inner join pg_catalog.pg_attribute as present
    on
        present.attrelid = to_regclass(wanted.model)
        and present.attname = wanted.column_name
        and not present.attisdropped

-- name: change_types
select ops.change_types(%(table)s::oid, %(columns)s, %(types)s)
