-- name: begin
-- One snapshot for all tables, so that the rows of one table fit those of another.
set transaction isolation level repeatable read read only

-- name: tables
-- Tables and views that our dbt project builds for analysts, with the rows that PostgreSQL estimates. A view that needs
-- work tables of a transform is not among them.
select
    ours.schema_name as schema,
    ours.relation_name as name,
    exists(
        select 1 from pg_attribute as columns
        where columns.attrelid = ours.relation_id and columns.attname = 'account_id' and not columns.attisdropped
    ) as has_account,
    greatest(relations.reltuples, 0)::bigint as estimated_rows
from ops.our_relations as ours
inner join pg_class as relations on ours.relation_id = relations.oid
where ours.schema_name in ('hostaway', 'marts') and ours.relation_name !~ '__dbt_'
order by ours.schema_name, ours.relation_name

-- name: columns
select
    columns.attname as name,
    format_type(columns.atttypid, null) as type
from pg_attribute as columns
where
    columns.attrelid = %(relation)s::regclass
    and columns.attnum > 0
    and not columns.attisdropped
    -- words for a search in PostgreSQL, made of another column
    and columns.atttypid <> 'tsvector'::regtype
order by columns.attnum

-- name: rows
select {columns} from {table}

-- name: rows_of_account
select {columns} from {table} where account_id = {account_id}

-- name: copy_csv
copy ({rows}) to stdout with (format csv, header true)
