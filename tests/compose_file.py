"""docker-compose.yaml with its anchors resolved, and its variables.

A variable is `${NAME}`, `${NAME:-default}` or `${NAME:?message}`; a default may hold one more variable. The real rules
are Docker Compose's (`docker compose config`), which the tests do not need.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

PROJECT = Path(__file__).parents[1]
COMPOSE_FILE = PROJECT / "docker-compose.yaml"
_VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?:(:[-?])((?:[^${}]|\$\{[^{}]*\})*))?\}")


class NotSet(ValueError):
    """A required variable has no value."""


class Variable(NamedTuple):
    """A variable; the operator is empty, `:-` or `:?`."""

    name: str
    operator: str
    argument: str


def load(path: Path = COMPOSE_FILE) -> dict[str, Any]:
    """The file with its anchors resolved."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def strings(tree: Any) -> Iterator[str]:
    """Every string value of a tree."""
    if isinstance(tree, str):
        yield tree
    elif isinstance(tree, Mapping | list):
        for value in tree.values() if isinstance(tree, Mapping) else tree:
            yield from strings(value)


def variables(text: str) -> list[Variable]:
    """The variables of a string, those inside of defaults included."""
    found = [Variable(*match) for match in _VARIABLE.findall(text)]
    return [each for variable in found for each in (variable, *variables(variable.argument))]


def interpolate(text: str, values: Mapping[str, str]) -> str:
    """A string with its variables replaced.

    :raises NotSet: with the message of the file, when a required one is missing.
    """

    def value(match: re.Match[str]) -> str:
        name, operator, argument = match.groups(default="")
        if values.get(name):
            return values[name]
        if operator == ":?":
            raise NotSet(f"{name}: {argument}")
        return interpolate(argument, values)

    return _VARIABLE.sub(value, text).replace("$$", "$")


def environment(service: Mapping[str, Any], values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a service's container; a name without a value is passed on if it has one."""
    given = {name: str(value) for name, value in service["environment"].items() if value is not None}
    passed_on = {name: values[name] for name in service["environment"].keys() - given.keys() if name in values}
    return {name: interpolate(value, values) for name, value in given.items()} | passed_on
