-- name: is_missing
select to_regrole(%(login)s) is null

-- name: create
create role hostaway_api_server login noinherit

-- name: is_migrated
select to_regrole('hostaway_api') is not null and to_regclass('ops.calendars') is not null

-- name: grant_rights
-- As docs/security.md says for a server of one's own: a test compares the two.
grant hostaway_api to hostaway_api_server;
grant usage on schema ops, landing to hostaway_api_server;
grant select on ops.sync_runs, ops.loads, ops.held_rows, ops.calendars to hostaway_api_server;
grant select (account_id, parent_id, load_id) on landing.calendar_days to hostaway_api_server
