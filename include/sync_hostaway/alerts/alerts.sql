-- name: conditions
select kind, account_id, severity, summary, remedy from ops.current_conditions()

-- name: dag_processors
-- Notes that a Dag processor repeats at every parse while the trouble lasts, about twice a minute.
select
    'dag_import_slow' as kind,
    'warning' as severity,
    string_agg(
        format('%s takes %s of %s s on %s', file, round(import_seconds::numeric, 1), round(import_limit::numeric), host),
        '; '
        order by host, file
    ) as summary,
    'Give the Dag processor more CPU, or raise the time limits of Airflow (docs/scale.md)' as remedy
from ops.dag_processors
where noted_at > now() - interval '15 minutes' and import_seconds > import_limit / 3
having count(*) > 0
union all
select
    'accounts_missing',
    'error',
    format(
        '%s accounts have Dags and are not in the registry: %s%s',
        count(*),
        array_to_string((array_agg(missing.account_id order by missing.account_id))[:10], ', '),
        case when count(*) > 10 then ', …' else '' end
    ),
    'Restore the registry, or register the accounts again (`sync-hostaway accounts add`)'
from (
    select distinct unnest(missing_accounts) as account_id
    from ops.dag_processors
    where noted_at > now() - interval '15 minutes'
) as missing
having count(*) > 0

-- name: begin
-- An open alert keeps the time at which it began, and gets the newest text.
insert into ops.alerts as known (kind, account_id, severity, summary, remedy)
select *
from unnest(
    %(kind)s::text [], %(account_id)s::bigint [], %(severity)s::text [], %(summary)s::text [], %(remedy)s::text []
)
on conflict (kind, coalesce(account_id, 0)) where ended_at is null do update set
    summary = excluded.summary,
    remedy = excluded.remedy
where (known.summary, known.remedy) is distinct from (excluded.summary, excluded.remedy)

-- name: end
update ops.alerts as known
set ended_at = clock_timestamp()
where
    known.ended_at is null
    and not exists (
        select 1
        from unnest(%(kind)s::text [], %(account_id)s::bigint []) as holds (kind, account_id)
        where holds.kind = known.kind and holds.account_id is not distinct from known.account_id
    )

-- name: claim
-- An alert that ended before its begin was sent needs no message.
with begun as (
    update ops.alerts set begin_claimed_at = clock_timestamp()
    where begin_claimed_at is null and ended_at is null
    returning alert_id, kind, account_id, severity, summary, remedy, began_at, ended_at
),

ended as (
    update ops.alerts set end_claimed_at = clock_timestamp()
    where ended_at is not null and begin_sent_at is not null and end_claimed_at is null
    returning alert_id, kind, account_id, severity, summary, remedy, began_at, ended_at
),

claimed as (
    select * from begun
    union all
    select * from ended
)

select claimed.*, accounts.name as account_name
from claimed
left join ops.accounts as accounts on claimed.account_id = accounts.account_id
order by claimed.ended_at is not null, claimed.severity, claimed.alert_id

-- name: sent
update ops.alerts
set
    begin_sent_at = coalesce(begin_sent_at, clock_timestamp()),
    end_sent_at = case when end_claimed_at is not null then clock_timestamp() end
where alert_id = any(%(alert_ids)s)

-- name: not_sent
-- The next evaluation tries again, because no message was sent.
update ops.alerts
set
    begin_claimed_at = case when begin_sent_at is not null then begin_claimed_at end,
    end_claimed_at = null
where alert_id = any(%(alert_ids)s)

-- name: open
select alerts.*, accounts.name as account_name
from ops.alerts as alerts
left join ops.accounts as accounts on alerts.account_id = accounts.account_id
where alerts.ended_at is null
order by alerts.severity, alerts.began_at
