-- name: oldest_pending
select coalesce(extract(epoch from clock_timestamp() - min(landed_at)), 0)::float as seconds
from ops.loads
where transformed_at is null

-- name: close_abandoned_runs
-- A task is killed at the latest when its Dag run is; no sync of one resource takes a day.
update ops.sync_runs
set verdict = 'failed', finished_at = clock_timestamp(), error = 'the process ended without a verdict'
where verdict = 'running' and started_at < now() - interval '1 day'

-- name: delete_old_loads
delete from ops.loads where transformed_at < now() - make_interval(days => %(days)s)

-- name: delete_old_transforms
delete from ops.transforms
where
    finished_at < now() - make_interval(days => %(days)s)
    and transform_id < (select max(transform_id) from ops.transforms where state = 'succeeded')
    and not exists (select 1 from ops.loads where loads.transform_id = transforms.transform_id)
