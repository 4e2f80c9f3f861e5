-- name: settings
-- Settings that our queries need. A role, a database or a server may have other defaults. They are set with `set` and
-- not with the startup parameter `options`, because PgBouncer refuses that.
set client_encoding = 'UTF8';
set datestyle = 'ISO, MDY';
set intervalstyle = 'postgres';
set timezone = 'UTC';
set bytea_output = 'hex';
set extra_float_digits = 1;
set lc_monetary = 'C';
set lc_numeric = 'C';
set lc_time = 'C';
set standard_conforming_strings = on;
set array_nulls = on;
set transform_null_equals = off;
set quote_all_identifiers = off;
set search_path = public;
set row_security = on;
set default_transaction_isolation = 'read committed';
set default_transaction_read_only = off;
set default_transaction_deferrable = off;
set statement_timeout = 0;
set lock_timeout = 0;
set idle_in_transaction_session_timeout = 0;
set idle_session_timeout = 0;
-- JIT compilation of a query takes longer than most queries here.
set jit = off;
-- Without keepalives, the server keeps the locks of a client that lost its network for two hours.
set tcp_keepalives_idle = 30;
set tcp_keepalives_interval = 10;
set tcp_keepalives_count = 3

-- name: settings_since_17
set transaction_timeout = 0

-- name: server_process
select pg_backend_pid()
