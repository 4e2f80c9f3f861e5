-- The request budget. A limit of N calls in any W seconds is N slots, each of which stays taken for W seconds from the
-- latest moment at which its call can have reached Hostaway. So no window of W seconds holds more than N calls, as long as every
-- call has a slot and no slot is given twice in W seconds.
--
-- Only these functions give slots: processes of different versions on different machines share one set of rules,
-- one lock and one clock, the database's.

---------------------------------------------------------------------- state

create table ops.rate_limit_scopes (
    scope         text not null check (scope in ('ip', 'account')),
    key           text not null collate "C",
    blocked_until timestamptz not null default '-infinity',
    primary key (scope, key)
);
comment on table ops.rate_limit_scopes is
    'what calls are counted by: an outgoing address or an account. A row appears with the first slot and outlives a crash: a scope without any slot has lost them';
comment on column ops.rate_limit_scopes.blocked_until is 'nothing is sent before: Hostaway said so, or the slots were lost';

-- Unlogged: nothing here is worth a write-ahead log after a few seconds. A crash empties both tables; rate_limit_scopes
-- then shows that slots were lost, and one window of silence makes up for them.
create unlogged table ops.rate_limit_permits (
    scope      text not null check (scope in ('ip', 'account')),
    key        text not null collate "C",
    slot       integer not null check (slot > 0),
    permit_id   uuid not null,
    account_id bigint,
    priority   text check (priority in ('delta', 'incremental', 'full')),
    window_length       interval not null,
    taken_at   timestamptz not null,
    paced_at   timestamptz not null,
    free_at    timestamptz not null,
    -- invariant: one call per slot
    primary key (scope, key, slot),
    -- invariant: a slot stays taken for a whole window
    constraint rate_limit_permits_last_a_window check (free_at - taken_at >= window_length)
) with (fillfactor = 50);
comment on column ops.rate_limit_permits.permit_id is 'the call; one that counts for an address and an account has a slot of each';
comment on column ops.rate_limit_permits.account_id is 'null: taken by a sender outside of this budget, as a 429 showed';
comment on column ops.rate_limit_permits.window_length is 'the window; zero for strangers, of whose calls only the end is known';
comment on column ops.rate_limit_permits.paced_at is 'the moment pacing had planned for this slot; the next paced slot follows it';

create function ops.rate_limit_permit_is_free() returns trigger language plpgsql as $$
begin
    -- A taken_at in the future is no reason to wait: the server's clock was set back.
    if new.permit_id <> old.permit_id and old.free_at > new.taken_at and old.taken_at <= new.taken_at + old.window_length then
        -- concat, as a percent sign would be taken for a parameter when this file is run
        raise exception using
            message = concat('slot ', old.slot, ' of ', old.scope, ' ', old.key, ' is taken until ', old.free_at);
    end if;
    return new;
end $$;

-- invariant: a slot is not given again before it is free
create trigger rate_limit_permits_are_free_when_taken before update on ops.rate_limit_permits
for each row execute function ops.rate_limit_permit_is_free();

create unlogged table ops.rate_limit_waiters (
    waiter_id        uuid primary key,
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
    'who waits for slots; one row per client, however many threads. A waiter that does not return soon after due_at is not waited for';
comment on column ops.rate_limit_waiters.ready_at is 'when it could return without pacing; from then on its share is kept from deltas';

---------------------------------------------------------------------- rules

create function ops.rate_limit_weight(priority text) returns integer immutable language sql as $$
    -- Shares of the classes while all of them wait: 60, 30 and 10 percent. A class that does not wait leaves its share.
    select case priority when 'delta' then 6 when 'incremental' then 3 else 1 end
$$;

create function ops.rate_limit_grace() returns interval immutable language sql as $$
    -- How long open slots are kept for a waiter that is due. Long enough for a busy machine, short against any window.
    select interval '250 ms'
$$;

create function ops.rate_limit_ensure_permits(p_scope text, p_key text, p_calls integer, p_window interval, p_now timestamptz)
returns void language plpgsql as $$
declare
    v_known boolean := exists (select from ops.rate_limit_scopes where scope = p_scope and key = p_key);
    v_lost boolean := v_known and not exists (select from ops.rate_limit_permits where scope = p_scope and key = p_key);
begin
    -- What was sent before a crash is forgotten here, but not at Hostaway: its window may be full.
    insert into ops.rate_limit_permits (scope, key, slot, permit_id, window_length, taken_at, paced_at, free_at)
    select
        p_scope, p_key, numbers.slot, gen_random_uuid(), '0', 'epoch', '-infinity',
        case when v_lost then p_now + p_window else 'epoch' end
    from generate_series(1, p_calls) as numbers (slot)
    on conflict do nothing;
    if not v_known then
        insert into ops.rate_limit_scopes (scope, key) values (p_scope, p_key) on conflict do nothing;
    end if;
end $$;

create function ops.rate_limit_openings(
    p_scope text, p_key text, p_calls integer, p_window interval, p_now timestamptz,
    out slots integer[], out free_at timestamptz[], out paced_at timestamptz[]
) language plpgsql as $$
    -- The next slots of a scope in the order in which they are or become free; nulls for a scope without a limit.
    --
    -- paced_at holds for full and incremental syncs. It undoes bursts: slots that become free together are handed out
    -- one after the other, at most 1/0.9 times as fast as the window allows in the long run. Otherwise a full sync would
    -- take the whole window in one gulp, again and again, and a delta would wait for up to a window each time. Slots
    -- that have been free for a while may still be taken all at once.
declare
    v_spacing interval := 0.9 * p_window / p_calls;
    v_slots integer;
    v_last_paced timestamptz;
begin
    if p_calls is null then
        return;
    end if;
    -- A slot taken in the future is no obstacle: the server's clock was set back by more than a window.
    select count(*), max(taken.paced_at) filter (where taken.taken_at <= p_now + p_window)
    into v_slots, v_last_paced
    from ops.rate_limit_permits as taken
    where taken.scope = p_scope and taken.key = p_key;
    if v_slots < p_calls then
        perform ops.rate_limit_ensure_permits(p_scope, p_key, p_calls, p_window, p_now);
        v_slots := greatest(v_slots, p_calls);
    end if;
    with ordered as (
        select
            taken.slot,
            case when taken.taken_at <= p_now + p_window then taken.free_at else '-infinity' end as free_at
        from ops.rate_limit_permits as taken
        where taken.scope = p_scope and taken.key = p_key
        order by 2, 1
        -- After the limit was lowered there are more slots than calls: only the last ones to become free count.
        offset v_slots - p_calls limit 64
    ),
    numbered as (
        select ordered.slot, ordered.free_at, v_spacing * row_number() over () as pace
        from ordered
    ),
    paced as (
        select
            numbered.slot,
            numbered.free_at,
            greatest(
                max(numbered.free_at - numbered.pace) over (rows unbounded preceding), v_last_paced
            ) + numbered.pace as paced_at
        from numbered
    )
    select array_agg(paced.slot), array_agg(paced.free_at), array_agg(paced.paced_at)
    into slots, free_at, paced_at
    from paced;
end $$;

create function ops.rate_limit_queue(
    p_ip_key text, p_asking text, p_account_calls integer, p_now timestamptz, p_by timestamptz
) returns table (
    waiter_id uuid, account_id bigint, there_at timestamptz, due_at timestamptz, unit integer, account_place bigint,
    place bigint
)
stable language sql as $$
    -- Every requested slot, in the order in which the slots are to be given.
    --
    -- What counts is what each has now, in the current window: a class's slots divided by its weight decide between
    -- classes, an account's slots between the accounts of a class. Idle time earns no credit. A class
    -- without any slot is next, at any weight: the longest waiting first.
    --
    -- Pacing makes room for deltas to come, not for those that are here: towards a delta, the others count from the
    -- moment at which they could be there without it.
    with bids as (
        select candidates.*
        from (
            select *, case p_asking when 'delta' then ready_at else due_at end as there_at
            from ops.rate_limit_waiters
            where ip_key = p_ip_key
        ) as candidates
        where candidates.there_at <= p_by and candidates.due_at + ops.rate_limit_grace() > p_now
    ),
    used as (
        select
            account_id,
            priority,
            count(distinct permit_id) as calls,
            count(*) filter (where scope = 'account') as account_slots
        from ops.rate_limit_permits
        where
            free_at > p_now
            and (
                (scope = 'ip' and key = p_ip_key)
                or (scope = 'account' and key in (select bids.account_id::text from bids))
            )
        group by account_id, priority
    ),
    account_used as (
        select account_id, sum(calls) as calls, sum(account_slots) as slots from used group by account_id
    ),
    class_used as (
        select priority, sum(calls) as calls from used group by priority
    ),
    in_lane as (
        select
            bids.*,
            units.unit,
            ops.rate_limit_weight(bids.priority) as weight,
            row_number() over (
                partition by bids.account_id, bids.priority order by units.unit, bids.waiting_since, bids.waiter_id
            ) as turn
        from bids
        cross join lateral generate_series(1, least(bids.wanted, 32)) as units (unit)
    ),
    in_account as (
        select
            in_lane.*,
            coalesce(account_used.calls, 0) as account_calls,
            coalesce(account_used.slots, 0) as account_slots,
            row_number() over (
                partition by in_lane.account_id
                order by
                    -- A priority of an account that has no call yet comes first, for the same reason as a class below.
                    case
                        when used.calls is null and in_lane.turn = 1 then 0
                        else (coalesce(used.calls, 0) + in_lane.turn) / in_lane.weight::numeric
                    end,
                    in_lane.waiting_since, in_lane.weight desc, in_lane.waiter_id
            ) as account_place
        from in_lane
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
            ) as turn_in_class
        from in_account
        left join class_used using (priority)
        where p_account_calls is null or in_account.account_place <= p_account_calls - in_account.account_slots
    )
    select
        in_class.waiter_id,
        in_class.account_id,
        in_class.there_at,
        in_class.due_at,
        in_class.unit,
        in_class.account_place,
        row_number() over (
            order by
                case
                    when in_class.class_calls = 0 and in_class.turn_in_class = 1 then 0
                    else (in_class.class_calls + in_class.turn_in_class) / in_class.weight::numeric
                end,
                in_class.class_waiting_since, in_class.weight desc, in_class.waiter_id, in_class.unit
        )
    from in_class
$$;

create function ops.rate_limit_next_opening(
    p_open_at timestamptz[], p_ahead timestamptz[], p_after timestamptz, p_held_until timestamptz,
    p_now timestamptz, p_window interval
) returns timestamptz immutable language sql as $$
    -- When the first slot opens after p_after that is not kept for those ahead in the queue. Slots that are open already
    -- and kept for a waiter that does not come are given, too.
    select least(
        coalesce(
            min(opening.open_at) filter (
                where opening.open_at > p_after
                and opening.nth > (
                    select count(*)
                    from unnest(p_ahead) as ahead (there_at)
                    where ahead.there_at <= greatest(opening.open_at, p_now)
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
    -- Always the address before the account: that avoids deadlocks.
    select pg_advisory_xact_lock(hashtextextended('hostaway request budget of address ' || p_ip_key, 0));
    select pg_advisory_xact_lock(hashtextextended('hostaway request budget of account', p_account_id));
$$;

create function ops.take_permits(
    p_bidder uuid, p_ip_key text, p_account_id bigint, p_priority text, p_wanted integer,
    p_ip_calls integer, p_ip_span interval, p_account_calls integer, p_account_span interval, p_margin interval,
    p_settled uuid[], p_settled_ages double precision[],
    out grants uuid[], out wait_seconds double precision, out locked_seconds double precision
) language plpgsql as $$
declare
    v_account_key text := p_account_id::text;
    v_now timestamptz;
    v_blocked timestamptz;
    v_ip record;
    v_account record;
    v_ip_open timestamptz[];
    v_ip_free integer;
    v_account_open timestamptz[];
    v_account_free integer;
    v_given integer;
    v_ip_ahead timestamptz[];
    v_account_ahead timestamptz[];
    v_passed_over_at timestamptz := '-infinity';
    v_held_until timestamptz;
    v_ready timestamptz;
    v_due timestamptz;
begin
    perform ops.rate_limit_lock(p_ip_key, p_account_id);
    v_now := clock_timestamp();
    locked_seconds := extract(epoch from v_now - statement_timestamp());

    -- A call that was answered had arrived by then: its slots need not wait out the margin.
    if cardinality(p_settled) > 0 then
        update ops.rate_limit_permits
        set free_at = greatest(rate_limit_permits.taken_at, v_now - make_interval(secs => settled.age)) + rate_limit_permits.window_length
        from unnest(p_settled, p_settled_ages) as settled (permit_id, age)
        where
            rate_limit_permits.permit_id = settled.permit_id
            and ((rate_limit_permits.scope, rate_limit_permits.key) in (('ip', p_ip_key), ('account', v_account_key)))
            and rate_limit_permits.free_at
                > greatest(rate_limit_permits.taken_at, v_now - make_interval(secs => settled.age)) + rate_limit_permits.window_length;
    end if;

    -- No penalty is that long: a later end means that the server's clock was set back.
    v_blocked := (
        select max(blocked_until)
        from ops.rate_limit_scopes
        where
            ((scope = 'ip' and key = p_ip_key) or (scope = 'account' and key = v_account_key))
            and blocked_until <= v_now + interval '5 minutes'
    );
    select * into v_ip from ops.rate_limit_openings('ip', p_ip_key, p_ip_calls, p_ip_span, v_now);
    select * into v_account
    from ops.rate_limit_openings('account', v_account_key, p_account_calls, p_account_span, v_now);
    v_ip_open := case p_priority when 'delta' then v_ip.free_at else v_ip.paced_at end;
    v_account_open := case p_priority when 'delta' then v_account.free_at else v_account.paced_at end;

    if p_ip_calls is not null then
        v_ip_free := (select count(*) from unnest(v_ip_open) as open_at where open_at <= v_now);
    end if;
    if p_account_calls is not null then
        v_account_free := (select count(*) from unnest(v_account_open) as open_at where open_at <= v_now);
    end if;
    if v_blocked > v_now then
        v_given := 0;
    else
        v_given := least(p_wanted, v_ip_free, v_account_free);
    end if;

    -- There are other waiters: the open slots go to the first in the queue of those who are here or about to be.
    if v_given > 0 and exists (
        select from ops.rate_limit_waiters
        where
            ip_key = p_ip_key and waiter_id <> p_bidder and ready_at <= v_now and due_at + ops.rate_limit_grace() > v_now
    ) then
        insert into ops.rate_limit_waiters (waiter_id, ip_key, account_id, priority, wanted, waiting_since, ready_at, due_at)
        values (p_bidder, p_ip_key, p_account_id, p_priority, p_wanted, v_now, v_now, v_now)
        on conflict (waiter_id) do update set
            wanted = excluded.wanted,
            ready_at = excluded.ready_at,
            due_at = excluded.due_at;
        v_given := least(v_given, (
            select count(*)
            from ops.rate_limit_queue(p_ip_key, p_priority, p_account_calls, v_now, v_now) as queue
            where queue.waiter_id = p_bidder and (v_ip_free is null or queue.place <= v_ip_free)
        ));
        -- What is open now is for others.
        v_passed_over_at := v_now;
    end if;

    grants := array(select gen_random_uuid() from generate_series(1, v_given));
    if v_given > 0 then
        update ops.rate_limit_permits
        set
            permit_id = taken.permit_id,
            account_id = p_account_id,
            priority = p_priority,
            window_length = taken.window_length,
            taken_at = v_now,
            paced_at = case when p_priority = 'delta' then '-infinity' else taken.paced_at end,
            free_at = v_now + taken.window_length + p_margin
        from (
            select 'ip', p_ip_key, p_ip_span, slot, permit_id, paced_at
            from unnest(v_ip.slots[:v_given], grants, v_ip.paced_at[:v_given]) as ip (slot, permit_id, paced_at)
            union all
            select 'account', v_account_key, p_account_span, slot, permit_id, paced_at
            from unnest(v_account.slots[:v_given], grants, v_account.paced_at[:v_given])
                as account (slot, permit_id, paced_at)
        ) as taken (scope, key, window_length, slot, permit_id, paced_at)
        where
            rate_limit_permits.scope = taken.scope and rate_limit_permits.key = taken.key and rate_limit_permits.slot = taken.slot;
        v_ip_open := v_ip_open[v_given + 1:];
        v_account_open := v_account_open[v_given + 1:];
    end if;

    wait_seconds := 0;
    if v_given = p_wanted then
        delete from ops.rate_limit_waiters where waiter_id = p_bidder;
        return;
    end if;

    -- Waiting may depend on both scopes; the later one decides.
    delete from ops.rate_limit_waiters where ip_key = p_ip_key and due_at < v_now - interval '1 minute';
    insert into ops.rate_limit_waiters (waiter_id, ip_key, account_id, priority, wanted, waiting_since, ready_at, due_at)
    values (p_bidder, p_ip_key, p_account_id, p_priority, p_wanted - v_given, v_now, v_now, v_now)
    on conflict (waiter_id) do update set
        wanted = excluded.wanted,
        waiting_since = case when v_given > 0 then v_now else rate_limit_waiters.waiting_since end,
        ready_at = excluded.ready_at,
        due_at = excluded.due_at;
    with queue as materialized (
        select * from ops.rate_limit_queue(p_ip_key, p_priority, null, v_now, 'infinity')
    )
    select
        array_agg(queue.there_at) filter (where queue.place < mine.place),
        array_agg(queue.there_at) filter (
            where queue.account_id = mine.account_id and queue.account_place < mine.account_place
        ),
        min(queue.due_at) filter (where queue.there_at <= v_now) + ops.rate_limit_grace()
    into v_ip_ahead, v_account_ahead, v_held_until
    from queue
    inner join queue as mine on mine.waiter_id = p_bidder and mine.unit = 1
    where queue.waiter_id <> p_bidder;
    v_ready := greatest(
        ops.rate_limit_next_opening(v_ip.free_at[v_given + 1:], v_ip_ahead, '-infinity', v_held_until, v_now, p_ip_span),
        ops.rate_limit_next_opening(
            v_account.free_at[v_given + 1:], v_account_ahead, '-infinity', v_held_until, v_now, p_account_span
        ),
        v_blocked
    );
    v_due := greatest(
        ops.rate_limit_next_opening(v_ip_open, v_ip_ahead, v_passed_over_at, v_held_until, v_now, p_ip_span),
        ops.rate_limit_next_opening(
            v_account_open, v_account_ahead,
            -- Only others of this account can be who the open slots of the account are for.
            case when p_ip_calls is null or v_account_ahead is not null then v_passed_over_at else '-infinity' end,
            v_held_until, v_now, p_account_span
        ),
        v_ready,
        v_now + interval '1 ms'
    );
    update ops.rate_limit_waiters set ready_at = v_ready, due_at = v_due where waiter_id = p_bidder;
    wait_seconds := extract(epoch from v_due - clock_timestamp());
end $$;
comment on function ops.take_permits is
    'gives up to p_wanted slots that may be used at once, the seconds after which to ask for the rest, and the seconds spent waiting for others to be served';

create function ops.block_requests(
    p_scope text, p_ip_key text, p_account_id bigint, p_seconds double precision, p_calls integer, p_window interval
) returns void language plpgsql as $$
declare
    v_key text := case p_scope when 'ip' then p_ip_key else p_account_id::text end;
    v_now timestamptz;
    v_until timestamptz;
begin
    perform ops.rate_limit_lock(p_ip_key, p_account_id);
    v_now := clock_timestamp();
    v_until := v_now + make_interval(secs => p_seconds);
    -- A refusal means that the window is full: the free slots were used by a sender outside of this budget.
    -- They come back one by one, so that the end of the wait is not a burst that is refused again.
    if p_calls is not null then
        if (select count(*) from ops.rate_limit_permits where scope = p_scope and key = v_key) < p_calls then
            perform ops.rate_limit_ensure_permits(p_scope, v_key, p_calls, p_window, v_now);
        end if;
        update ops.rate_limit_permits
        set
            permit_id = gen_random_uuid(),
            account_id = null,
            priority = null,
            window_length = '0',
            taken_at = v_now,
            paced_at = '-infinity',
            free_at = v_until + 0.9 * p_window / p_calls * idle.nth
        from (
            select slot, row_number() over (order by free_at, slot) - 1 as nth
            from ops.rate_limit_permits
            where scope = p_scope and key = v_key and free_at <= v_now
        ) as idle
        where rate_limit_permits.scope = p_scope and rate_limit_permits.key = v_key and rate_limit_permits.slot = idle.slot;
    end if;
    insert into ops.rate_limit_scopes (scope, key, blocked_until)
    values (p_scope, v_key, v_until)
    on conflict (scope, key) do update set blocked_until = greatest(rate_limit_scopes.blocked_until, excluded.blocked_until);
end $$;
comment on function ops.block_requests is 'stops all senders after a 429, from their next request for a permit on';
