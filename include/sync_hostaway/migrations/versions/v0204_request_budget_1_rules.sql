-- The request budget. A limit of N calls in any W seconds is N permits. A permit stays taken for W seconds from the
-- latest moment at which its call can have reached Hostaway. So no window of W seconds has more than N calls, as long
-- as every call has a permit and no permit is given twice in W seconds.
--
-- Only these functions give permits: processes of different versions on different machines share one set of rules, one
-- lock and the database's clock.

---------------------------------------------------------------------- state

create table ops.rate_limit_scopes (
    scope         text not null check (scope in ('ip', 'account')),
    key           text not null collate "C",
    blocked_until timestamptz not null default '-infinity',
    primary key (scope, key)
);
comment on table ops.rate_limit_scopes is
    'The scopes of limits: outgoing addresses and accounts. A row is inserted with the first permit and survives a crash: a scope without permits has lost them';
comment on column ops.rate_limit_scopes.blocked_until is 'No request is sent before this time, because of a 429';

-- Unlogged, because the rows are only needed for seconds. A crash empties both tables. rate_limit_scopes then shows
-- that permits were lost, and no request is sent for one window.
create unlogged table ops.rate_limit_permits (
    scope         text not null check (scope in ('ip', 'account')),
    key           text not null collate "C",
    permit_number integer not null check (permit_number > 0),
    permit_id     uuid not null,
    account_id    bigint,
    priority      text check (priority in ('delta', 'incremental', 'full')),
    window_length interval not null,
    taken_at      timestamptz not null,
    paced_at      timestamptz not null,
    free_at       timestamptz not null,
    -- invariant: one call per permit
    primary key (scope, key, permit_number),
    -- invariant: a permit stays taken for a whole window
    constraint rate_limit_permits_last_a_window check (free_at - taken_at >= window_length)
) with (fillfactor = 50);
comment on column ops.rate_limit_permits.permit_id is 'The call. A call that counts for an address and an account has a permit of each';
comment on column ops.rate_limit_permits.account_id is 'Null: a 429 showed that a sender outside of this budget used it';
comment on column ops.rate_limit_permits.window_length is 'The window; zero for senders outside of this budget, whose calls have no known start';
comment on column ops.rate_limit_permits.paced_at is 'The time that pacing planned for this permit; the next paced permit follows it';

create function ops.rate_limit_permit_is_free() returns trigger language plpgsql as $$
begin
    -- A taken_at in the future does not count: the server's clock was set back.
    if new.permit_id <> old.permit_id and old.free_at > new.taken_at and old.taken_at <= new.taken_at + old.window_length then
        raise exception 'permit % of % % is taken until %', old.permit_number, old.scope, old.key, old.free_at;
    end if;
    return new;
end $$;

-- invariant: a permit is not given again before it is free
create trigger rate_limit_permits_are_free_when_taken before update on ops.rate_limit_permits
for each row execute function ops.rate_limit_permit_is_free();

create unlogged table ops.rate_limit_waiters (
    waiter_id     uuid primary key,
    ip_key        text not null collate "C",
    account_id    bigint not null,
    priority      text not null check (priority in ('delta', 'incremental', 'full')),
    wanted        integer not null check (wanted > 0),
    waiting_since timestamptz not null,
    ready_at      timestamptz not null,
    due_at        timestamptz not null,
    check (ready_at <= due_at)
) with (fillfactor = 50);
comment on table ops.rate_limit_waiters is
    'Clients that wait for permits, one row per client. A waiter that does not return soon after due_at loses its place';
comment on column ops.rate_limit_waiters.ready_at is 'When it could return without pacing; from then on its share is not given to deltas';

---------------------------------------------------------------------- rules

create function ops.rate_limit_weight(priority text) returns integer immutable language sql as $$
    -- Shares of the classes while all of them wait: 60, 30 and 10 percent. The others use the share of a class that
    -- does not wait.
    select case priority when 'delta' then 6 when 'incremental' then 3 else 1 end
$$;

create function ops.rate_limit_grace() returns interval immutable language sql as $$
    -- How long open permits are kept for a waiter that is due: long enough for a busy machine, and short compared with
    -- a window.
    select interval '250 ms'
$$;

create function ops.rate_limit_ensure_permits(p_scope text, p_key text, p_calls integer, p_window interval, p_now timestamptz)
returns void language plpgsql as $$
declare
    v_known boolean := exists (select from ops.rate_limit_scopes where scope = p_scope and key = p_key);
    v_lost boolean := v_known and not exists (select from ops.rate_limit_permits where scope = p_scope and key = p_key);
begin
    -- After a crash, the calls before it are unknown here, but still count at Hostaway: its window may be full.
    insert into ops.rate_limit_permits (scope, key, permit_number, permit_id, window_length, taken_at, paced_at, free_at)
    select
        p_scope, p_key, numbers.permit_number, gen_random_uuid(), '0', 'epoch', '-infinity',
        case when v_lost then p_now + p_window else 'epoch' end
    from generate_series(1, p_calls) as numbers (permit_number)
    on conflict do nothing;
    if not v_known then
        insert into ops.rate_limit_scopes (scope, key) values (p_scope, p_key) on conflict do nothing;
    end if;
end $$;

create function ops.rate_limit_openings(
    p_scope text, p_key text, p_calls integer, p_window interval, p_now timestamptz,
    out permit_numbers integer[], out free_at timestamptz[], out paced_at timestamptz[]
) language plpgsql as $$
    -- The next permits of a scope in the order in which they are or become free; nulls for a scope without a limit.
    --
    -- paced_at applies to full and incremental syncs. It prevents bursts: permits that become free together are given
    -- one after the other, at most 1/0.9 times as fast as the window allows on average. Otherwise a full sync would
    -- take the whole window at once each time, and a delta would wait for up to a window. Permits that have been free
    -- for a while may still be taken together.
declare
    v_spacing interval := 0.9 * p_window / p_calls;
    v_known_permits integer;
    v_last_paced timestamptz;
begin
    if p_calls is null then
        return;
    end if;
    -- A permit that was taken in the future counts as free: the server's clock was set back by more than a window.
    select count(*), max(taken.paced_at) filter (where taken.taken_at <= p_now + p_window)
    into v_known_permits, v_last_paced
    from ops.rate_limit_permits as taken
    where taken.scope = p_scope and taken.key = p_key;
    if v_known_permits < p_calls then
        perform ops.rate_limit_ensure_permits(p_scope, p_key, p_calls, p_window, p_now);
        v_known_permits := greatest(v_known_permits, p_calls);
    end if;
    with ordered as (
        select
            taken.permit_number,
            case when taken.taken_at <= p_now + p_window then taken.free_at else '-infinity' end as free_at
        from ops.rate_limit_permits as taken
        where taken.scope = p_scope and taken.key = p_key
        order by 2, 1
        -- After the limit was lowered there are more permits than calls: only the last ones to become free count.
        offset v_known_permits - p_calls limit 64
    ),
    numbered as (
        select ordered.permit_number, ordered.free_at, v_spacing * row_number() over () as pace
        from ordered
    ),
    paced as (
        select
            numbered.permit_number,
            numbered.free_at,
            greatest(
                max(numbered.free_at - numbered.pace) over (rows unbounded preceding), v_last_paced
            ) + numbered.pace as paced_at
        from numbered
    )
    select array_agg(paced.permit_number), array_agg(paced.free_at), array_agg(paced.paced_at)
    into permit_numbers, free_at, paced_at
    from paced;
end $$;

create function ops.rate_limit_queue(
    p_ip_key text, p_priority text, p_account_calls integer, p_now timestamptz, p_by timestamptz
) returns table (
    waiter_id uuid, account_id bigint, counts_from timestamptz, due_at timestamptz, unit integer, account_place bigint,
    place bigint
)
stable language sql as $$
    -- Every wanted permit, in the order in which permits are given.
    --
    -- The permits in the current window decide: between classes, the permits of a class divided by its weight; between
    -- the accounts of a class, the permits of an account. Idle time earns no credit. A class without a permit is next,
    -- with any weight, and the longest wait first.
    --
    -- Pacing reserves permits for future deltas, not for present ones: for a delta, the other waiters count from the
    -- moment at which they could return without pacing.
    with present as (
        select candidates.*
        from (
            select *, case p_priority when 'delta' then ready_at else due_at end as counts_from
            from ops.rate_limit_waiters
            where ip_key = p_ip_key
        ) as candidates
        where candidates.counts_from <= p_by and candidates.due_at + ops.rate_limit_grace() > p_now
    ),
    used as (
        select
            account_id,
            priority,
            count(distinct permit_id) as calls,
            count(*) filter (where scope = 'account') as account_permits
        from ops.rate_limit_permits
        where
            free_at > p_now
            and (
                (scope = 'ip' and key = p_ip_key)
                or (scope = 'account' and key in (select present.account_id::text from present))
            )
        group by account_id, priority
    ),
    account_used as (
        select account_id, sum(calls) as calls, sum(account_permits) as permits from used group by account_id
    ),
    class_used as (
        select priority, sum(calls) as calls from used group by priority
    ),
    in_priority as (
        select
            present.*,
            units.unit,
            ops.rate_limit_weight(present.priority) as weight,
            row_number() over (
                partition by present.account_id, present.priority order by units.unit, present.waiting_since, present.waiter_id
            ) as nth
        from present
        cross join lateral generate_series(1, least(present.wanted, 32)) as units (unit)
    ),
    in_account as (
        select
            in_priority.*,
            coalesce(account_used.calls, 0) as account_calls,
            coalesce(account_used.permits, 0) as account_permits,
            row_number() over (
                partition by in_priority.account_id
                order by
                    -- A priority without a call of this account comes first, as a class without a permit does below.
                    case
                        when used.calls is null and in_priority.nth = 1 then 0
                        else (coalesce(used.calls, 0) + in_priority.nth) / in_priority.weight::numeric
                    end,
                    in_priority.waiting_since, in_priority.weight desc, in_priority.waiter_id
            ) as account_place
        from in_priority
        left join used using (account_id, priority)
        left join account_used using (account_id)
    ),
    in_class as (
        select
            in_account.*,
            coalesce(class_used.calls, 0) as class_calls,
            min(in_account.waiting_since) over (partition by in_account.priority) as class_waiting_since,
            row_number() over (
                partition by in_account.priority
                order by
                    in_account.account_calls + in_account.account_place, in_account.waiting_since, in_account.waiter_id
            ) as nth_in_class
        from in_account
        left join class_used using (priority)
        where p_account_calls is null or in_account.account_place <= p_account_calls - in_account.account_permits
    )
    select
        in_class.waiter_id,
        in_class.account_id,
        in_class.counts_from,
        in_class.due_at,
        in_class.unit,
        in_class.account_place,
        row_number() over (
            order by
                case
                    when in_class.class_calls = 0 and in_class.nth_in_class = 1 then 0
                    else (in_class.class_calls + in_class.nth_in_class) / in_class.weight::numeric
                end,
                in_class.class_waiting_since, in_class.weight desc, in_class.waiter_id, in_class.unit
        )
    from in_class
$$;

create function ops.rate_limit_next_opening(
    p_open_at timestamptz[], p_ahead timestamptz[], p_after timestamptz, p_held_until timestamptz,
    p_now timestamptz, p_window interval
) returns timestamptz immutable language sql as $$
    -- The opening of the first permit after p_after that is not kept for earlier waiters in the queue. Open permits
    -- that are kept for a waiter that does not return are given, too.
    select least(
        coalesce(
            min(opening.open_at) filter (
                where opening.open_at > p_after
                and opening.nth > (
                    select count(*)
                    from unnest(p_ahead) as ahead (counts_from)
                    where ahead.counts_from <= greatest(opening.open_at, p_now)
                )
            ),
            max(opening.open_at) filter (where opening.open_at > p_now),
            p_now + p_window
        ),
        case when min(opening.open_at) <= p_now then p_held_until end
    )
    from unnest(p_open_at) with ordinality as opening (open_at, nth)
$$;

---------------------------------------------------------------------- actions

create function ops.rate_limit_lock(p_ip_key text, p_account_id bigint) returns void language sql as $$
    -- Always the address before the account, to prevent deadlocks.
    select pg_advisory_xact_lock(hashtextextended('hostaway request budget of address ' || p_ip_key, 0));
    select pg_advisory_xact_lock(hashtextextended('hostaway request budget of account', p_account_id));
$$;
