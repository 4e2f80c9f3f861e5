-- The documentation of the tables, as the page in Airflow shows it. In the database, because the worker that builds it
-- and the API server that serves it may be different machines.

create table ops.documentation (
    is_current   boolean primary key default true check (is_current),
    project_hash text not null,
    page         bytea not null,
    questions    jsonb not null,
    built_at     timestamptz not null default clock_timestamp()
);
comment on table ops.documentation is 'The documentation of all tables that dbt makes. Invariant: one row, the newest';
comment on column ops.documentation.page is 'the page of dbt docs with everything in it, HTML, gzip';
comment on column ops.documentation.questions is 'questions of analysts with their SQL, from docs/analytics.md';
comment on column ops.documentation.project_hash is 'state of the dbt project that it describes';
