-- name: become
-- All of it ends with the transaction. Every query here follows a key, whatever its parameters: to plan it anew each
-- time would cost more than to run it.
select
    set_config('hostaway.account_id', %(account_id)s, true),
    set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('role', 'hostaway_api', true)

-- name: as_of
-- When the last complete sync began, all of which is in the core tables; or when something landed since and got there.
select
    greatest(
        (
            select runs.started_at
            from ops.sync_runs as runs
            where
                runs.account_id = %(account_id)s
                and runs.resource = %(resource)s
                and runs.verdict in ('complete', 'repaired')
                and not exists (
                    select 1 from ops.loads
                    where loads.sync_run_id = runs.sync_run_id and loads.transformed_at is null
                )
            order by runs.started_at desc
            limit 1
        ),
        (
            select max(loads.landed_at)
            from ops.loads
            where
                loads.account_id = %(account_id)s
                and loads.resource = %(resource)s
                and loads.transformed_at is not null
        )
    ) as as_of
