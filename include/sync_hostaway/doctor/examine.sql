-- name: put_examination
insert into ops.examinations (account_id, calls, findings, options_set)
values (%(account_id)s, %(calls)s, %(findings)s, %(options_set)s)
on conflict (account_id) do update set
    examined_at = clock_timestamp(),
    calls = excluded.calls,
    findings = excluded.findings,
    options_set = examinations.options_set || excluded.options_set

-- name: never_examined
-- Once after registration, when the first lists have landed, so that there are objects to check.
select accounts.account_id
from ops.accounts as accounts
inner join ops.watermarks as watermarks
    on accounts.account_id = watermarks.account_id and watermarks.resource = 'reservations'
left join ops.examinations as examinations on accounts.account_id = examinations.account_id
where accounts.state = 'active' and examinations.account_id is null
order by accounts.account_id
limit %(limit)s
