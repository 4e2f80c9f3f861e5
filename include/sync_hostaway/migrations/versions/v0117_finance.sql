-- The money of an account. Hostaway has these lists only where the account has the feature; where it refuses one, the
-- resource has the status `refused`, and its table stays empty.

create table landing.reservation_finance (like landing.listings including all);
comment on table landing.reservation_finance is
    'finance fields by reservation: a row of the consolidated report by the names of its columns, or the standard fields. entity_id is the reservation';
create table landing.expenses (like landing.listings including all);
create table landing.owner_statements (like landing.listings including all);
create table landing.guest_charges (like landing.listings including all);

create or replace function ops.add_account_settings() returns trigger
language plpgsql
as $$
begin
    insert into ops.account_settings (account_id, resources, stale_after, sync_every_hours)
    values (
        new.account_id,
        array[
            'listings', 'reservations', 'conversations', 'messages', 'calendar_days', 'reviews', 'tasks', 'users', 'coupons',
            'reservation_finance', 'expenses', 'owner_statements', 'guest_charges'
        ],
        '36 hours',
        24
    )
    on conflict do nothing;
    return null;
end
$$;

select ops.set_autovacuum(tables.oid)
from pg_class as tables
where
    tables.relnamespace = 'landing'::regnamespace
    and tables.relname in ('reservation_finance', 'expenses', 'owner_statements', 'guest_charges');
