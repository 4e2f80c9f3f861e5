-- name: note
insert into ops.dag_processors (host, file, import_seconds, import_limit, missing_accounts)
values (%(host)s, %(file)s, %(import_seconds)s, %(import_limit)s, %(missing_accounts)s)
on conflict (host, file) do update set
    import_seconds = excluded.import_seconds,
    import_limit = excluded.import_limit,
    missing_accounts = excluded.missing_accounts,
    noted_at = clock_timestamp()
