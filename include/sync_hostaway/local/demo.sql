-- name: run_progress
select
    account_id,
    resource,
    verdict,
    rows_expected,
    rows_seen,
    rows_new + rows_changed as rows_written,
    rows_quarantined,
    api_calls,
    error,
    extract(epoch from coalesce(finished_at, clock_timestamp()) - started_at)::float as seconds
from ops.sync_runs
where run_key = any(%(run_keys)s)
order by account_id, sync_run_id

-- name: unfinished_transforms
select
    (select count(*) from ops.loads where transformed_at is null) as pending_loads,
    (select count(*) from ops.transforms where state = 'running') as running

-- name: failed_transforms
select transform_id, error from ops.transforms where state = 'failed' and started_at >= %(since)s order by transform_id

-- name: transforms_since
select
    count(*) as transforms,
    coalesce(sum(extract(epoch from finished_at - started_at)), 0)::float as seconds
from ops.transforms
where started_at >= %(since)s

-- name: landed
-- Photos stand inside the listings, guests inside the reservations.
select account_id, 'listings' as table_name, count(*) as rows
from landing.listings where deleted_at is null group by account_id
union all
select account_id, 'listing_photos', coalesce(sum(jsonb_array_length(nullif(payload -> 'listingImages', 'null'))), 0)
from landing.listings where deleted_at is null group by account_id
union all
select account_id, 'reservations', count(*)
from landing.reservations where deleted_at is null group by account_id
union all
select account_id, 'conversations', count(*)
from landing.conversations where deleted_at is null group by account_id
union all
select account_id, 'messages', count(*)
from landing.messages where deleted_at is null group by account_id
union all
select account_id, 'calendar_days', count(*)
from landing.calendar_days where deleted_at is null group by account_id

-- name: core
select account_id, 'listings' as table_name, count(*) as rows
from hostaway.listings where not is_deleted group by account_id
union all
select account_id, 'listing_photos', count(*) from hostaway.listing_photos where not is_deleted group by account_id
union all
select account_id, 'reservations', count(*) from hostaway.reservations where not is_deleted group by account_id
union all
select account_id, 'guests', count(*) from hostaway.guests where not is_deleted group by account_id
union all
select account_id, 'conversations', count(*) from hostaway.conversations where not is_deleted group by account_id
union all
select account_id, 'messages', count(*) from hostaway.messages where not is_deleted group by account_id
union all
select account_id, 'calendar_days', count(*) from hostaway.calendar_days where not is_deleted group by account_id

-- name: held
select account_id, resource as table_name, count(*) as rows
from ops.held_rows group by account_id, resource

-- name: quarantined
select account_id, resource as table_name, count(*) as rows
from ops.quarantine where resolved_at is null and severity = 'rejected' group by account_id, resource
