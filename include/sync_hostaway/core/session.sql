-- name: settings
-- What our queries rely on. A role, a database or a server may have other defaults. `set` and no startup parameter
-- `options`: PgBouncer refuses those.
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
-- Compiling a query takes longer than most of ours run.
set jit = off;
-- Without these, the server keeps the locks of a client whose machine is cut off for two hours.
set tcp_keepalives_idle = 30;
set tcp_keepalives_interval = 10;
set tcp_keepalives_count = 3

-- name: settings_since_17
set transaction_timeout = 0

-- name: server_process
select pg_backend_pid()
