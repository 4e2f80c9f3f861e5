-- name: foreign_relations
select kind, format('%%I.%%I', schema_name, relation_name) as name
from ops.foreign_relations(%(schemas)s, %(names)s, %(kinds)s)
