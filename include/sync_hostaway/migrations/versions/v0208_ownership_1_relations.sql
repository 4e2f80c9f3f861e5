-- The relations that dbt made, and the functions that change these in place. Grants on them and objects of users that
-- depend on them stay.

---------------------------------------------------------------------- ownership

create table ops.relations (
    schema_name      text not null,
    relation_name    text not null,
    kind             text not null check (kind in ('table', 'view')),
    relation_id      oid not null,
    registry_id      oid not null,
    definition_hash  text,
    not_null_columns text[],
    descriptions     jsonb,
    description_hash text,
    noted_at         timestamptz not null default clock_timestamp(),
    -- invariant: a relation that is not named here is not ours, and is never changed
    primary key (schema_name, relation_name)
);
comment on table ops.relations is 'the tables and views that dbt made in the schemas hostaway, staging and marts; any other relation there is not ours';
comment on column ops.relations.relation_id is 'A relation that was dropped and created again has another oid, and is not ours';
comment on column ops.relations.registry_id is
    'oid of this table when the row was written. After a restore all oids differ: then the name and the kind decide';
comment on column ops.relations.definition_hash is 'of a view: MD5 of the query it was last built from; null: it is to be built again';
comment on column ops.relations.not_null_columns is
    'Of a table: the columns that dbt made not null. Not null constraints of users are never removed';
comment on column ops.relations.descriptions is 'The comments that were written. Another comment is a user''s, and stays';

create function ops.note_relation(p_schema text, p_name text, p_hash text default null) returns void
language sql
begin atomic
    insert into ops.relations as noted (
        schema_name, relation_name, kind, relation_id, registry_id, definition_hash, not_null_columns
    )
    select
        namespaces.nspname,
        present.relname,
        case present.relkind when 'r' then 'table' when 'v' then 'view' end,
        present.oid,
        'ops.relations'::regclass,
        p_hash,
        array(
            select columns.attname::text from pg_attribute as columns
            where columns.attrelid = present.oid and columns.attnum > 0 and columns.attnotnull
        )
    from pg_class as present
    inner join pg_namespace as namespaces on present.relnamespace = namespaces.oid
    where namespaces.nspname = p_schema and present.relname = p_name and present.relkind in ('r', 'v')
    on conflict (schema_name, relation_name) do update set
        kind = excluded.kind,
        relation_id = excluded.relation_id,
        registry_id = excluded.registry_id,
        definition_hash = excluded.definition_hash,
        -- A table that was restored from a backup may have not null columns of users.
        not_null_columns = case
            when noted.registry_id = excluded.registry_id and noted.relation_id <> excluded.relation_id
                then excluded.not_null_columns
            else coalesce(noted.not_null_columns, excluded.not_null_columns)
        end,
        noted_at = clock_timestamp();
end;
comment on function ops.note_relation(text, text, text) is
    'Adds a table or view to ops.relations. Also for a single one that was restored from a backup';

create view ops.our_relations as
select
    noted.schema_name,
    noted.relation_name,
    noted.kind,
    present.oid as relation_id
from ops.relations as noted
inner join pg_namespace as namespaces on noted.schema_name = namespaces.nspname
inner join pg_class as present on namespaces.oid = present.relnamespace and noted.relation_name = present.relname
where
    present.relkind = case noted.kind when 'table' then 'r' else 'v' end::"char"
    and (noted.relation_id = present.oid or noted.registry_id <> 'ops.relations'::regclass);
comment on view ops.our_relations is 'The rows of ops.relations whose relation exists, with its present oid';

create function ops.foreign_relations(p_schemas text[], p_names text[], p_kinds text[])
returns table (schema_name text, relation_name text, kind text)
language sql
stable
begin atomic
    select
        wanted.schema_name,
        wanted.relation_name,
        coalesce(
            case present.relkind
                when 'r' then 'table'
                when 'p' then 'partitioned table'
                when 'v' then 'view'
                when 'm' then 'materialized view'
                when 'f' then 'foreign table'
                when 'S' then 'sequence'
                when 'c' then 'composite type'
                when 'i' then 'index'
                when 'I' then 'index'
            end,
            'type'
        ) as kind
    from unnest(p_schemas, p_names, p_kinds) as wanted (schema_name, relation_name, kind)
    inner join pg_namespace as namespaces on wanted.schema_name = namespaces.nspname
    left join pg_class as present on namespaces.oid = present.relnamespace and wanted.relation_name = present.relname
    -- a table or view brings a type of its name
    left join pg_type as types
        on namespaces.oid = types.typnamespace and wanted.relation_name = types.typname and present.oid is null
    where
        (present.oid is not null or types.oid is not null)
        and not exists (
            select 1 from ops.our_relations as ours where ours.relation_id = present.oid and ours.kind = wanted.kind
        )
    order by wanted.schema_name, wanted.relation_name;
end;
comment on function ops.foreign_relations(text[], text[], text[]) is
    'The relations among those that dbt will build that exist and are not ours';

create function ops.refuse_foreign(p_schema text, p_name text, p_kind text) returns void
language plpgsql
as $$
declare
    found record;
begin
    select * into found from ops.foreign_relations(array[p_schema], array[p_name], array[p_kind]);
    if found is not null then
        raise exception 'The % %.% was not made by sync-hostaway and stays as it is: rename it or move it to another schema',
            found.kind, quote_ident(p_schema), quote_ident(p_name)
            using errcode = 'duplicate_table';
    end if;
end
$$;

---------------------------------------------------------------------- locks

create function ops.execute_with_lock_timeout(p_statement text) returns void
language plpgsql
as $$
declare
    before constant text := current_setting('lock_timeout');
begin
    -- A waiting lock request blocks every later reader. So it waits for one second, and then lets readers continue.
    for attempt in 1..20 loop
        begin
            perform set_config('lock_timeout', '1s', true);
            execute p_statement;
            perform set_config('lock_timeout', before, true);
            return;
        exception when lock_not_available then
            if attempt = 20 then
                raise exception 'Other sessions have kept a lock for too long, which this needs: %', left(p_statement, 200)
                    using errcode = 'lock_not_available', hint = 'It is tried again with the next transform';
            end if;
            perform pg_sleep(1);
        end;
    end loop;
end
$$;
comment on function ops.execute_with_lock_timeout(text) is
    'Executes a statement that needs a strong lock. Readers wait for at most a second at a time. It fails after twenty tries';
