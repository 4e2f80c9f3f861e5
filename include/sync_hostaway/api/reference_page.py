"""An OpenAPI document as text: a page for a browser, or the tables of docs/api-reference.md."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]

# Examples of what has none of its own.
_USUAL: dict[str | None, Any] = {"date-time": "2026-03-01T06:00:00Z", "boolean": True, "object": {}}

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { border-top: 1px solid #ccc; padding-top: 1rem; } h2 code { font-size: 1.1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { border: 1px solid #ddd; padding: .2rem .5rem; text-align: left; }
pre { background: #f5f5f5; padding: .6rem; overflow-x: auto; }
"""


def page(document: Document) -> str:
    """A page that needs nothing but itself."""
    parts = [f"<h1>{_text(document['info']['title'])}</h1><p>{_text(document['info']['description'])}</p>"]
    for method, path, operation in operations(document):
        parts.append(f"<h2><code>{method} {_text(path)}</code></h2><p><b>{_text(operation['summary'])}</b></p>")
        parts.append(f"<p>{_text(operation.get('description', ''))}</p><p>{_text(credentials(operation))}</p>")
        parts.append(_table(("Parameter", "In", "Type", ""), parameters(document, operation)))
        for what, schema in (("Body", request_schema(operation)), ("Answers", response_schema(operation))):
            if schema:
                name = _name(schema)
                parts.append(f'<p>{what} <a href="#{name}">{name}</a></p><pre>{_text(_shown(document, schema))}</pre>')
        parts.append(_table(("Status", ""), answers(operation)))
    parts.append("<h1>Objects</h1>")
    for name, schema in objects(document):
        parts.append(f'<h2 id="{name}"><code>{name}</code></h2><p>{_text(schema.get("description", ""))}</p>')
        parts.append(_table(("Field", "Type", ""), fields(document, schema)))
    title = _text(document["info"]["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>"
    )


def markdown(document: Document) -> str:
    """The same as sections of a Markdown file."""
    parts: list[str] = []
    for method, path, operation in operations(document):
        parts.append(f"### `{method} {document['servers'][0]['url']}{path}`\n\n{operation['summary']}.")
        parts.append(" ".join(operation.get("description", "").split()) + f" {credentials(operation)}")
        rows = parameters(document, operation)
        if rows:
            parts.append(_lines("| Parameter | In | Type | |\n|---|---|---|---|", rows))
        for what, schema in (("Body", request_schema(operation)), ("Answers", response_schema(operation))):
            if schema:
                name = _name(schema)
                parts.append(f"{what} [`{name}`](#{name.lower()})\n\n```json\n{_shown(document, schema)}\n```")
        parts.append(_lines("| Status | |\n|---|---|", answers(operation)))
    parts.append("## Objects")
    for name, schema in objects(document):
        parts.append(f"### `{name}`\n\n{schema.get('description', '')}")
        parts.append(_lines("| Field | Type | |\n|---|---|---|", fields(document, schema)))
    return "\n\n".join(parts) + "\n"


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    """Method, path and description of every operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def credentials(operation: Document) -> str:
    """Who may call it."""
    for requirement in operation.get("security", ()):
        if "ApiToken" in requirement:
            return f"Needs an API token with the scope {', '.join(requirement['ApiToken'])}."
        if "Operator" in requirement:
            return "Needs a token of Airflow."
    return "Needs no credentials."


def parameters(document: Document, operation: Document) -> list[tuple[str, ...]]:
    """Name, place, type and meaning of each parameter."""
    return [
        (
            parameter["name"] + ("" if parameter["required"] else " (optional)"),
            parameter["in"],
            _type(document, parameter["schema"]),
            _meaning({**parameter["schema"], "description": parameter.get("description", "")}),
        )
        for parameter in operation.get("parameters", ())
    ]


def objects(document: Document) -> Iterator[tuple[str, Document]]:
    """Name and schema of everything that is sent or answered."""
    for name, schema in document["components"]["schemas"].items():
        if "properties" in schema:
            yield name, schema


def fields(document: Document, schema: Document) -> list[tuple[str, ...]]:
    """Name, type and meaning of each field of an object."""
    return [
        (
            name + ("" if name in schema.get("required", ()) else " (optional)"),
            _type(document, field) + (" or null" if {"type": "null"} in field.get("anyOf", ()) else ""),
            _meaning(field),
        )
        for name, field in schema["properties"].items()
    ]


def answers(operation: Document) -> list[tuple[str, ...]]:
    """Status and meaning of each answer."""
    return [(status, response["description"]) for status, response in sorted(operation["responses"].items())]


def request_schema(operation: Document) -> Document | None:
    """What to send, if there is a body."""
    schema: Document = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    return schema if "$ref" in schema else None


def response_schema(operation: Document) -> Document | None:
    """What a good answer is, if it has a body."""
    good = next(response for status, response in sorted(operation["responses"].items()) if status.startswith("2"))
    schema: Document = good.get("content", {}).get("application/json", {}).get("schema", {})
    return schema if "$ref" in schema else None


def example_of(document: Document, schema: Document) -> Any:
    """A value of a schema, of the examples in it."""
    if schema.get("examples"):
        return schema["examples"][0]
    if "$ref" in schema:
        return example_of(document, document["components"]["schemas"][_name(schema)])
    for choice in schema.get("anyOf", ()):
        return example_of(document, choice)
    if "properties" in schema:
        return {name: example_of(document, field) for name, field in schema["properties"].items()}
    if schema.get("type") == "array":
        return [example_of(document, schema.get("items", {}))]
    usual = _USUAL.get(schema.get("format", schema.get("type")))
    return schema.get("const", next(iter(schema.get("enum", ())), schema.get("default", usual)))


def _name(reference: Document) -> str:
    return str(reference["$ref"].rpartition("/")[2])


def _type(document: Document, schema: Document) -> str:
    if "$ref" in schema:
        target = document["components"]["schemas"][_name(schema)]
        return _name(schema) if "properties" in target else _type(document, target)
    if "enum" in schema:
        return ", ".join(schema["enum"])
    choices = [_type(document, choice) for choice in schema.get("anyOf", ()) if choice.get("type") != "null"]
    if choices:
        return " or ".join(choices)
    if schema.get("type") == "array":
        return f"{_type(document, schema['items'])}, several"
    return str(schema.get("format") or schema.get("type", ""))


def _meaning(schema: Document) -> str:
    """What is said of a value, and its limits."""
    # Of a value that may be null, the limits stand one level below.
    merged = {**next(iter(schema.get("anyOf", ())), {}), **schema}
    limits = []
    if "minimum" in merged and "maximum" in merged:
        limits.append(f"{merged['minimum']:g} to {merged['maximum']:g}")
    if "maxLength" in merged and merged["type"] == "string":
        limits.append(f"at most {merged['maxLength']} characters")
    if merged.get("default"):
        limits.append(f"default {merged['default']}")
    return "; ".join(filter(None, [merged.get("description", ""), ", ".join(limits)]))


def _shown(document: Document, schema: Document) -> str:
    return json.dumps(example_of(document, schema), indent=2, ensure_ascii=False)


def _text(value: str) -> str:
    return html.escape(value)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    if not rows:
        return ""
    titles = "".join(f"<th>{title}</th>" for title in head)
    body = "".join(f"<tr>{''.join(f'<td>{_text(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{titles}</tr>{body}</table>"


def _lines(head: str, rows: list[tuple[str, ...]]) -> str:
    return "\n".join([head, *(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows)])
