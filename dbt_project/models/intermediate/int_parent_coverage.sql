with

children (resource, parent_resource) as (
    values
    {%- for resource, parent in parents_of().items() %}
    ('{{ resource }}', '{{ parent[0] }}s'){{ "," if not loop.last }}
    {%- endfor %}
),

-- not materialized: the reads of one account are looked up in a log of any length
reads as not materialized (
    select
        account_id,
        resource,
        run_key,
        mode,
        status,
        since,
        started_at,
        rows_seen
    from {{ source('ops', 'sync_runs') }}
    where mode <> 'delta'
),

complete_reads as not materialized (
    select * from reads
    where status in ('complete', 'complete_after_retry') and since is null
)

select
    accounts.account_id,
    children.resource,
    case
        when newest.started_at is not null and recent_parents.run_key is null then 'infinity'::timestamptz
        -- An incremental read continues the full one, together with all reads between them.
        when full_read.run_key is not null then first_try.started_at
        else '-infinity'::timestamptz
    end as parents_complete_until
from {{ source('ops', 'accounts') }} as accounts
cross join children
left join lateral (
    select reads.started_at from reads
    where reads.account_id = accounts.account_id and reads.resource = children.resource and reads.status <> 'running'
    order by reads.started_at desc
    limit 1
) as newest on true
-- Not only reads of the same sync, which may not have begun with the parents.
left join lateral (
    select reads.run_key from reads
    where
        reads.account_id = accounts.account_id
        and reads.resource = children.parent_resource
        and reads.started_at > newest.started_at - interval '2 days'
        -- Rows do not wait for parents that Hostaway refuses, or of which it returned none.
        and reads.status <> 'refused'
        and not (reads.status = 'failed' and reads.rows_seen = 0)
    order by reads.started_at desc
    limit 1
) as recent_parents on true
left join lateral (
    select complete_reads.run_key from complete_reads
    where
        complete_reads.account_id = accounts.account_id
        and complete_reads.resource = children.parent_resource
        and complete_reads.mode = 'full'
    order by complete_reads.started_at desc
    limit 1
) as full_read on true
left join lateral (
    select complete_reads.run_key from complete_reads
    where complete_reads.account_id = accounts.account_id and complete_reads.resource = children.parent_resource
    order by complete_reads.started_at desc
    limit 1
) as complete on true
-- A read that took several tries resumes where the earlier try stopped.
left join lateral (
    select min(reads.started_at) as started_at from reads
    where
        reads.account_id = accounts.account_id
        and reads.resource = children.parent_resource
        and reads.run_key = complete.run_key
) as first_try on true
