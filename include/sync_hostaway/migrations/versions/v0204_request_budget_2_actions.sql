-- The functions that clients call: take permits, and block requests after a 429.

create function ops.take_permits(
    p_waiter uuid, p_ip_key text, p_account_id bigint, p_priority text, p_wanted integer,
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

    -- A call with an answer had arrived by then: its permits need not wait for the margin.
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

    -- Blocks are shorter than this: a later end means that the server's clock was set back.
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

    -- There are other waiters: the open permits go to the first in the queue of the present waiters.
    if v_given > 0 and exists (
        select from ops.rate_limit_waiters
        where
            ip_key = p_ip_key and waiter_id <> p_waiter and ready_at <= v_now and due_at + ops.rate_limit_grace() > v_now
    ) then
        insert into ops.rate_limit_waiters (waiter_id, ip_key, account_id, priority, wanted, waiting_since, ready_at, due_at)
        values (p_waiter, p_ip_key, p_account_id, p_priority, p_wanted, v_now, v_now, v_now)
        on conflict (waiter_id) do update set
            wanted = excluded.wanted,
            ready_at = excluded.ready_at,
            due_at = excluded.due_at;
        v_given := least(v_given, (
            select count(*)
            from ops.rate_limit_queue(p_ip_key, p_priority, p_account_calls, v_now, v_now) as queue
            where queue.waiter_id = p_waiter and (v_ip_free is null or queue.place <= v_ip_free)
        ));
        -- The permits that are open now are for others.
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
            select 'ip', p_ip_key, p_ip_span, permit_number, permit_id, paced_at
            from unnest(v_ip.permit_numbers[:v_given], grants, v_ip.paced_at[:v_given]) as ip (permit_number, permit_id, paced_at)
            union all
            select 'account', v_account_key, p_account_span, permit_number, permit_id, paced_at
            from unnest(v_account.permit_numbers[:v_given], grants, v_account.paced_at[:v_given])
                as account (permit_number, permit_id, paced_at)
        ) as taken (scope, key, window_length, permit_number, permit_id, paced_at)
        where
            rate_limit_permits.scope = taken.scope and rate_limit_permits.key = taken.key and rate_limit_permits.permit_number = taken.permit_number;
        v_ip_open := v_ip_open[v_given + 1:];
        v_account_open := v_account_open[v_given + 1:];
    end if;

    wait_seconds := 0;
    if v_given = p_wanted then
        delete from ops.rate_limit_waiters where waiter_id = p_waiter;
        return;
    end if;

    -- The wait may depend on both scopes; the later one decides.
    delete from ops.rate_limit_waiters where ip_key = p_ip_key and due_at < v_now - interval '1 minute';
    insert into ops.rate_limit_waiters (waiter_id, ip_key, account_id, priority, wanted, waiting_since, ready_at, due_at)
    values (p_waiter, p_ip_key, p_account_id, p_priority, p_wanted - v_given, v_now, v_now, v_now)
    on conflict (waiter_id) do update set
        wanted = excluded.wanted,
        waiting_since = case when v_given > 0 then v_now else rate_limit_waiters.waiting_since end,
        ready_at = excluded.ready_at,
        due_at = excluded.due_at;
    with queue as materialized (
        select * from ops.rate_limit_queue(p_ip_key, p_priority, null, v_now, 'infinity')
    )
    select
        array_agg(queue.counts_from) filter (where queue.place < mine.place),
        array_agg(queue.counts_from) filter (
            where queue.account_id = mine.account_id and queue.account_place < mine.account_place
        ),
        min(queue.due_at) filter (where queue.counts_from <= v_now) + ops.rate_limit_grace()
    into v_ip_ahead, v_account_ahead, v_held_until
    from queue
    inner join queue as mine on mine.waiter_id = p_waiter and mine.unit = 1
    where queue.waiter_id <> p_waiter;
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
            -- The open permits of the account can only be for other waiters of this account.
            case when p_ip_calls is null or v_account_ahead is not null then v_passed_over_at else '-infinity' end,
            v_held_until, v_now, p_account_span
        ),
        v_ready,
        v_now + interval '1 ms'
    );
    update ops.rate_limit_waiters set ready_at = v_ready, due_at = v_due where waiter_id = p_waiter;
    wait_seconds := extract(epoch from v_due - clock_timestamp());
end $$;
comment on function ops.take_permits is
    'Returns up to p_wanted permits to use at once, the seconds until the next query for the rest, and the seconds of the wait for the lock';

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
    -- A 429 means that the window is full: a sender outside of this budget used the free permits. They become free one
    -- by one, so that the end of the block is not a burst with another 429.
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
            select permit_number, row_number() over (order by free_at, permit_number) - 1 as nth
            from ops.rate_limit_permits
            where scope = p_scope and key = v_key and free_at <= v_now
        ) as idle
        where rate_limit_permits.scope = p_scope and rate_limit_permits.key = v_key and rate_limit_permits.permit_number = idle.permit_number;
    end if;
    insert into ops.rate_limit_scopes (scope, key, blocked_until)
    values (p_scope, v_key, v_until)
    on conflict (scope, key) do update set blocked_until = greatest(rate_limit_scopes.blocked_until, excluded.blocked_until);
end $$;
comment on function ops.block_requests is 'Stops all senders after a 429, from their next query for a permit on';
