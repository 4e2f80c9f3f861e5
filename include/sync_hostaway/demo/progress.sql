-- name: run_progress
select
    sync_run_id,
    account_id,
    resource,
    status,
    rows_expected,
    rows_seen,
    rows_quarantined,
    api_calls,
    error,
    extract(epoch from coalesce(finished_at, clock_timestamp()) - started_at)::float as seconds
from ops.sync_runs
where account_id = any(%(accounts)s) and run_key = any(%(run_keys)s)
order by account_id, sync_run_id

-- name: failed_transforms
select transform_id, error from ops.transforms where state = 'failed' and started_at >= %(since)s order by transform_id
