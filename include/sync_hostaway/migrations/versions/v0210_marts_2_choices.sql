-- What users decide about the marts.

create table ops.exchange_rates (
    currency           text not null,
    valid_from         date not null,
    rate               numeric not null check (rate > 0),
    reporting_currency text not null,
    primary key (currency, valid_from)
);
comment on table ops.exchange_rates is
    'Optional: rates with which the marts convert amounts. Yours to fill; without a rate, converted amounts are null';
comment on column ops.exchange_rates.rate is 'one unit of currency is so many units of reporting_currency';
comment on column ops.exchange_rates.valid_from is 'first day on which the rate counts, until the next one does';

create table ops.listing_groups (
    account_id bigint not null,
    listing_id bigint not null,
    group_name text not null,
    primary key (account_id, listing_id, group_name)
);
comment on table ops.listing_groups is 'Optional: your own groups of listings, such as owners or regions';

create table ops.listing_filters (
    account_id  bigint not null,
    kind        text not null check (kind in ('listing', 'tag', 'group')),
    value       text not null,
    is_included boolean not null default false,
    primary key (account_id, kind, value)
);
comment on table ops.listing_filters is
    'Optional: listings that the marts leave out (is_included false), or the only ones that they count (true)';
comment on column ops.listing_filters.value is 'id of the listing, name of the tag, or name of the group';
