{{ config(
    unique_key=["account_id", "sync_run_id"],
    indexes=[
        {"columns": ["account_id", "finished_at"]},
    ],
) }}

select
    runs.account_id,
    runs.sync_run_id,
    runs.run_key,
    runs.resource,
    runs.mode,
    runs.since,
    runs.status,
    runs.rows_expected,
    runs.rows_seen,
    runs.rows_new,
    runs.rows_changed,
    runs.rows_unchanged,
    runs.rows_quarantined,
    runs.rows_with_warnings,
    runs.rows_deleted,
    runs.api_calls,
    runs.retries,
    runs.throttled,
    runs.bytes_received,
    runs.error,
    runs.note,
    runs.started_at,
    runs.finished_at,
    extract(epoch from runs.finished_at - runs.started_at)::numeric(12, 3) as seconds,
    {{ current_transform_at() }} as synced_at
from {{ source('ops', 'sync_runs') }} as runs
where
    runs.finished_at is not null
    -- syncs only: ops.sync_runs also has the calls of events
    and runs.mode <> 'delta'
    {% if is_incremental() %}
    -- an hour, for runs that ended before the last transform and were committed after it
    and runs.finished_at > (
        select
            case
                when current_transform.full_rebuild then '-infinity'
                else current_transform.last_success_at - interval '1 hour'
            end
        from {{ source('ops', 'current_transform') }} as current_transform
    )
    -- both ends: the planner takes the index for a range
    and runs.finished_at < 'infinity'
    {% endif %}
