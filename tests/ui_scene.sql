-- name: accounts
insert into ops.accounts (account_id, name, created_at, options)
select
    10000 + n,
    (array['Seaside', 'Alpine', 'Harbour', 'Old Town', 'Lakeview', 'Vineyard', 'Riverside', 'Garden'])[1 + n %% 8] || ' '
    || (array['Homes', 'Stays', 'Suites', 'Retreats', 'Apartments'])[1 + n %% 5] || ' ' || n,
    now() - interval '90 days',
    '{}'
from generate_series(1, %(accounts)s) as n

-- name: runs
insert into ops.sync_runs (
    account_id, run_key, resource, mode, status, rows_expected, rows_seen, rows_new, rows_changed, api_calls,
    started_at, finished_at, error, retry_until
)
select
    10000 + n,
    'scheduled__' || to_char(began, 'YYYY-MM-DD"T"HH24:MI:SS+00:00'),
    resource,
    case when d %% 7 = 0 then 'full' else 'incremental' end,
    case when is_bad then 'failed' else 'complete' end,
    30 + n * 7 %% 900 + place * 11 - d,
    30 + n * 7 %% 900 + place * 11 - d - case when is_bad then 5 else 0 end,
    1,
    n * d %% 7,
    2 + (n + d) %% 9,
    began,
    began + (5 + (n + d + place) %% 40) * interval '1 second',
    case when is_bad then 'HostawayServerError: GET /v1/reservations: 502 Bad Gateway' end,
    case when is_bad and d = 0 and n %% 3 = 0 then now() + interval '30 minutes' end
from generate_series(%(days)s, 0, -1) as d
cross join generate_series(1, %(accounts)s) as n
cross join unnest(array['listings','reservations','conversations','messages','calendar_days','reviews','tasks','users','coupons','reservation_finance','expenses','owner_statements','guest_charges','tax_settings']) with ordinality as names (resource, place)
cross join lateral (
    select
        now() - d * interval '1 day' - (n %% 600) * interval '1 minute' - interval '10 minutes' as began,
        (n %% 19 = 5 and d = 0 and place = 2) or (n + d * 3) %% 211 = place as is_bad
) as facts

-- name: paused
update ops.accounts set state = 'disabled', state_reason = 'Season over until March' where account_id %% 97 = 3

-- name: credentials_rejected
update ops.accounts set state = 'credentials_rejected', state_reason = 'invalid_client' where account_id %% 211 = 5

-- name: events
insert into ops.webhook_events (
    account_id, content_hash, state, event, object, object_id, attempts, reason, received_at, next_try_at, finished_at
)
select
    10001 + n %% %(accounts)s,
    sha256(n::text::bytea),
    case when n %% 401 = 7 then 'dead' when n %% 53 = 1 then 'pending' else 'done' end,
    (array['reservation.updated', 'reservation.created', 'message.received'])[1 + n %% 3],
    'reservation',
    20000 + n,
    case when n %% 401 = 7 then 8 else 1 end,
    case when n %% 401 = 7 then 'HostawayServerError: 500, out of attempts' when n %% 53 = 1 then 'HostawayThrottled' end,
    at.received,
    now() + interval '40 seconds',
    case when n %% 53 = 1 and n %% 401 <> 7 then null else at.received + (300 + n * 37 %% 2500) * interval '1 millisecond' end
from generate_series(1, %(events)s) as n
cross join lateral (select now() - n * interval '86000 seconds' / %(events)s as received) as at

-- name: running
insert into ops.sync_runs (
    account_id, run_key, resource, mode, rows_expected, rows_seen, api_calls, throttled, started_at
)
select 10000 + n, 'manual__now', 'reservations', 'full', 900, 240 + n, 12, 1, now() - interval '42 seconds'
from generate_series(2, %(accounts)s, 61) as n

-- name: quarantine
insert into ops.quarantine (account_id, resource, entity_id, severity, reason, payload, payload_hash)
select
    10000 + n, 'reservations', (30000 + n)::text, 'rejected', 'id: cannot be read as a number',
    '{"id": "R-' || n || '", "guestName": "Maria Example"}', sha256(n::text::bytea)
from generate_series(5, %(accounts)s, 19) as n
