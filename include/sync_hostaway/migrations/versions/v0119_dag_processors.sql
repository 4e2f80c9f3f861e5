-- When the registry was created, and Dag processors in trouble.

create table ops.installation (
    -- invariant: there is one row
    is_single    boolean primary key default true check (is_single),
    installed_at timestamptz not null
);
comment on table ops.installation is 'one row: facts about this registry. Every Dag processor reads the same ones';
comment on column ops.installation.installed_at is
    'start date of the Dags for all accounts. It never changes, so that they get no new versions';
insert into ops.installation (installed_at) select coalesce(min(created_at), now()) from ops.accounts;

create table ops.dag_processors (
    host             text not null,
    file             text not null,
    import_seconds   double precision not null check (import_seconds >= 0),
    import_limit     double precision not null check (import_limit > 0),
    missing_accounts bigint [] not null default '{}',
    noted_at         timestamptz not null default clock_timestamp(),
    primary key (host, file)
);
comment on table ops.dag_processors is
    'trouble that a Dag processor had with a Dag file of the accounts: an import that took long, or accounts that only its copy of the list has. Processors without trouble have no row, or an old one';
comment on column ops.dag_processors.import_seconds is 'duration of the import';
comment on column ops.dag_processors.import_limit is 'seconds after which Airflow stops an import: all Dags of the file disappear then';
comment on column ops.dag_processors.missing_accounts is
    'accounts that the processor knew and the registry does not have; their Dags stay';
