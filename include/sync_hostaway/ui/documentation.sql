-- name: tables
-- What dbt makes for analysts, with the first sentence of its description.
select
    ours.schema_name,
    ours.relation_name as name,
    split_part(coalesce(obj_description(ours.relation_id, 'pg_class'), ''), '. ', 1) as description
from ops.our_relations as ours
where ours.schema_name in ('hostaway', 'marts') and ours.relation_name !~ '__dbt_'
order by ours.schema_name, ours.relation_name
