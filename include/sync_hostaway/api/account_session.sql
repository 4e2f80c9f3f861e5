-- name: limit_statements
select
    set_config('statement_timeout', %(statement_timeout)s, false),
    set_config('lock_timeout', %(lock_timeout)s, false)

-- name: set_account_role
-- All settings end with the transaction. A generic plan is right for every query of the API, because each follows a
-- key; to plan a query again would cost more than to run it.
select
    set_config('hostaway.account_id', %(account_id)s, true),
    set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('role', 'hostaway_api', true)

-- name: as_of
-- The start of the newest complete sync whose rows are all in the core tables: transformed, and none of them deferred.
-- Deltas do not count, because they read single objects. A try that resumes another one includes the pages of that one,
-- so the first try's start counts.
select
    (
        select min(tries.started_at)
        from ops.sync_runs as tries
        where
            tries.account_id = runs.account_id
            and tries.run_key = runs.run_key
            and tries.resource = runs.resource
    ) as as_of
from ops.sync_runs as runs
where
    runs.account_id = %(account_id)s
    and runs.resource = %(resource)s
    and runs.mode <> 'delta'
    and runs.since is null
    and runs.status in ('complete', 'complete_after_retry')
    and not exists (
        select 1 from ops.loads
        where
            loads.account_id = runs.account_id
            and loads.resource = runs.resource
            and loads.landed_at <= runs.finished_at
            and loads.transformed_at is null
    )
    and not exists (
        -- a row without a readable parent id waits for another version of itself
        select 1 from ops.deferred_rows as deferred
        where
            deferred.account_id = runs.account_id
            and deferred.resource = runs.resource
            and deferred.deferred_since <= runs.finished_at
            and split_part(deferred.missing_parent, ' ', 2) ~ '^-?[0-9]+$'
    )
order by runs.started_at desc
limit 1

-- name: calendar_as_of
-- The last read of this calendar, because not every sync reads each calendar. Null while rows of it are not transformed.
select
    case
        when not exists (
            select 1 from ops.loads
            where
                loads.account_id = fetched.account_id
                and loads.resource = 'calendar_days'
                and loads.transformed_at is null
                and exists (
                    select 1 from landing.calendar_days as days
                    where
                        days.account_id = fetched.account_id
                        and days.parent_id = fetched.listing_id
                        and days.load_id = loads.load_id
                )
        )
            then fetched.fetched_at
    end as as_of
from ops.calendar_reads as fetched
where fetched.account_id = %(account_id)s and fetched.listing_id = %(listing_id)s
