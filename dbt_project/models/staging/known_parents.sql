with

pairs (resource, parents) as (
    values
    {%- for resource, parent in parents_of().items() %}
    ('{{ resource }}', '{{ parent[0] }}'){{ "," if not loop.last }}
    {%- endfor %}
),

-- not materialized: an account's own rows of the log are looked up, however long it is
walks as not materialized (
    select
        account_id,
        resource,
        run_key,
        mode,
        verdict,
        since,
        started_at,
        rows_seen
    from {{ source('ops', 'sync_runs') }}
    where mode <> 'delta'
),

complete_walks as not materialized (
    select * from walks
    where verdict in ('complete', 'repaired') and since is null
)

select
    accounts.account_id,
    pairs.resource,
    case
        when newest.started_at is not null and recent_parents.run_key is null then 'infinity'::timestamptz
        -- an incremental one reads on from the full one, through all those between
        when full_walk.run_key is not null then first_try.started_at
        else '-infinity'::timestamptz
    end as known_until
from {{ source('ops', 'accounts') }} as accounts
cross join pairs
left join lateral (
    select walks.started_at from walks
    where walks.account_id = accounts.account_id and walks.resource = pairs.resource and walks.verdict <> 'running'
    order by walks.started_at desc
    limit 1
) as newest on true
-- not of the same sync alone: it may have yet to begin with the parents
left join lateral (
    select walks.run_key from walks
    where
        walks.account_id = accounts.account_id
        and walks.resource = pairs.parents
        and walks.started_at > newest.started_at - interval '2 days'
        -- what Hostaway refuses is not waited for, nor what it gave nothing of
        and walks.verdict <> 'refused'
        and not (walks.verdict = 'failed' and walks.rows_seen = 0)
    order by walks.started_at desc
    limit 1
) as recent_parents on true
left join lateral (
    select complete_walks.run_key from complete_walks
    where
        complete_walks.account_id = accounts.account_id
        and complete_walks.resource = pairs.parents
        and complete_walks.mode = 'full'
    order by complete_walks.started_at desc
    limit 1
) as full_walk on true
left join lateral (
    select complete_walks.run_key from complete_walks
    where complete_walks.account_id = accounts.account_id and complete_walks.resource = pairs.parents
    order by complete_walks.started_at desc
    limit 1
) as complete on true
-- a walk that took several tries reads on where the one before broke off
left join lateral (
    select min(walks.started_at) as started_at from walks
    where
        walks.account_id = accounts.account_id
        and walks.resource = pairs.parents
        and walks.run_key = complete.run_key
) as first_try on true
