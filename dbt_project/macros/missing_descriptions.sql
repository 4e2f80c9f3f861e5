{#-
    Makes the descriptions of a model and of its columns comments of its table or view, where psql and BI tools show them.
    Written when they changed, or the relation is new: dbt's persist_docs would write all of them at every run.

    The texts go in as JSON, without a character that could end the quotes around it. Only a table's owner may comment on
    it, and rows come in without that, too.
-#}
{% macro missing_descriptions() -%}
    {%- set texts = {"": _on_one_line(model.description)} -%}
    {%- for column in model.columns.values() -%}
        {%- do texts.update({column.name: _on_one_line(column.description)}) -%}
    {%- endfor %}
    {%- set json = tojson(texts) | replace("$", "\\u0024") -%}
    select ops.describe('{{ this }}', '{{ local_md5(json) }}', $json${{ json }}$json$);
{%- endmacro %}

{% macro _on_one_line(text) -%}
    {{ return((text or "").split() | join(" ")) }}
{%- endmacro %}
