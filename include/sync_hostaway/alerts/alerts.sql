-- name: conditions
select kind, account_id, severity, summary, remedy from ops.alert_conditions(%(calls_per_day)s)

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
