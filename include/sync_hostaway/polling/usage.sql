-- name: usual_calls
-- The calls of a usual day of each active account: the average of the last seven whole days, or of the days since it was
-- registered. A day without a row had no calls.
select
    accounts.account_id,
    (
        coalesce(sum(days.api_calls), 0)
        / least(greatest((now() at time zone 'UTC')::date - (accounts.created_at at time zone 'UTC')::date, 1), 7)
    )::double precision as calls
from ops.accounts as accounts
left join ops.account_days as days
    on
        accounts.account_id = days.account_id
        and days.day >= (now() at time zone 'UTC')::date - 7
        and days.day < (now() at time zone 'UTC')::date
where accounts.state = 'active'
group by accounts.account_id, accounts.created_at

-- name: addresses
-- Addresses that had a permit within a day.
select distinct key as address
from ops.rate_limit_permits
where scope = 'ip' and free_at > clock_timestamp() - interval '1 day'
