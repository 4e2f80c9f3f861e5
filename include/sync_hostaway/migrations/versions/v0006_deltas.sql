alter table ops.webhook_events
add column absences integer not null default 0,
add column nights jsonb,
drop column listing_id,
drop column source_at;
comment on column ops.webhook_events.absences is 'tries in which Hostaway did not have the object: the first one may come too early';
comment on column ops.webhook_events.nights is 'calendar days still to be read, [[listing, first day, last day], …]: the reservation that touched them has landed already';
comment on column ops.webhook_endpoints.sync_wanted_at is 'when the newest loss of deliveries that nobody can name was noticed; null once a sync was asked for';

-- Every model of every transform asks for the clock: it must not read the history.
create index transforms_by_start on ops.transforms (started_at);
create or replace view ops.transform_clock as
select
    coalesce((select max(started_at) from ops.transforms where state = 'running'), now()) as transform_at,
    coalesce(
        (select max(started_at) from ops.transforms where state = 'succeeded' and selection is null), '-infinity'
    ) as last_success_at,
    coalesce((select photos from ops.transforms order by transform_id desc limit 1), true) as photos,
    coalesce((select bool_or(reads_all) from ops.transforms where state = 'running'), false) as reads_all;

-- For the foreign key, when old transforms are deleted.
create index loads_by_transform on ops.loads (transform_id);
