"""Imported for its effect: the dbt project is parsed, for this process and those forked from it."""

from __future__ import annotations

from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms.invocation import preload_project, profile_environment
from sync_hostaway.transforms.project import find_project

preload_project(find_project(), profile_environment(get_settings().warehouse_dsn))
