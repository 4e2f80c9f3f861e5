-- name: is_outdated
-- Core tables have to be there: without them, the page would have no columns.
select
    to_regclass('hostaway.reservations') is not null
    and not exists (select 1 from ops.documentation where project_hash = %(project_hash)s)

-- name: store
insert into ops.documentation as present (project_hash, page, questions)
values (%(project_hash)s, %(page)s, %(questions)s)
on conflict (is_current) do update set
    project_hash = excluded.project_hash,
    page = excluded.page,
    questions = excluded.questions,
    built_at = clock_timestamp()

-- name: current
select questions, built_at from ops.documentation

-- name: page
select built_at, page from ops.documentation
