-- name: share
-- Landing takes this lock in shared mode, an erasure in exclusive mode. Otherwise a batch that was fetched before an
-- erasure could land after it. The lock is a separate statement, because the next statement must see rows that were
-- committed during the wait.
select pg_advisory_xact_lock_shared(hashtextextended('hostaway erasure', %(account_id)s))

-- name: exclude
select pg_advisory_xact_lock(hashtextextended('hostaway erasure', %(account_id)s))

-- name: erasures
select
    exists(select 1 from ops.purged_accounts where account_id = %(account_id)s) as is_purged,
    coalesce(array_agg(entity_id) filter (where kind = 'reservation'), '{}') as reservations,
    coalesce(array_agg(entity_id) filter (where kind = 'conversation'), '{}') as conversations
from ops.erasures
where account_id = %(account_id)s

-- name: landed_reservations
select entity_id, parent_id, payload
from {table}
where account_id = %(account_id)s and entity_id = any(%(reservations)s)

-- name: landed_conversations
select entity_id, parent_id, payload
from {table}
where
    account_id = %(account_id)s
    and (entity_id = any(%(conversations)s) or ops.as_id(payload -> 'reservationId') = any(%(reservations)s::bigint[]))

-- name: landed_messages
select entity_id, parent_id, payload
from {table}
where
    account_id = %(account_id)s
    and (parent_id = any(%(conversations)s::bigint[]) or ops.as_id(payload -> 'reservationId') = any(%(reservations)s::bigint[]))

-- name: landed_of_reservations
select entity_id, parent_id, payload
from {table}
where account_id = %(account_id)s and ops.as_id(payload -> 'reservationId') = any(%(reservations)s::bigint[])

-- name: landed_calendar_days
select entity_id, parent_id, payload
from {table}
where
    account_id = %(account_id)s
    and exists (
        select 1
        from jsonb_array_elements(ops.as_list(payload -> 'reservations')) as stay
        where ops.as_id(stay -> 'id') = any(%(reservations)s::bigint[])
    )

-- name: landed_owner_statements
select entity_id, parent_id, payload
from {table}
where
    account_id = %(account_id)s
    and (
        exists (
            select 1
            from jsonb_array_elements(ops.as_list(payload #> '{{financeDataJson,rows}}')) as stay
            cross join lateral jsonb_array_elements(ops.as_list(stay)) as cell
            where ops.as_id(cell) = any(%(reservations)s::bigint[])
        )
        or exists (
            select 1
            from jsonb_array_elements(ops.as_list(payload -> 'expenses')) as expense
            where ops.as_id(expense -> 'reservationId') = any(%(reservations)s::bigint[])
        )
    )

-- name: open_load
insert into ops.loads (account_id, resource, rows_changed)
values (%(account_id)s, %(resource)s, %(rows)s)
returning load_id

-- name: redact_row
-- The hash matches no payload, so the next sync writes the row again, in its redacted form.
update {table}
set
    payload = %(payload)s,
    payload_hash = ''::bytea,
    read_singly = false,
    load_id = %(load_id)s,
    -- for a deleted row, the last time at which it existed
    landed_at = case when deleted_at is null then now() else landed_at end
where account_id = %(account_id)s and entity_id = %(entity_id)s
