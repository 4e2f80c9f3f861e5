-- name: new_rows
-- Of each account and resource, with as many new rows as make a difference.
select account_id, resource, sum(rows_new)::bigint as rows_new
from ops.loads
where transform_id = %(transform_id)s and transformed_at is null
group by account_id, resource
having sum(rows_new) >= %(rows)s
order by resource, account_id

-- name: has_doubled
-- Whether at least half of the account's rows are new. Counts no further than it has to.
select count(*) <= 2 * %(rows_new)s
from (
    select 1 from {table} where account_id = %(account_id)s limit 2 * %(rows_new)s + 1
) as rows_present

-- name: analyze
analyze {table}

-- name: note_growth
update ops.transforms set accounts_grew = true where transform_id = %(transform_id)s
