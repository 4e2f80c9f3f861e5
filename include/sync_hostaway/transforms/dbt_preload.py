"""The import of this module parses the dbt project, for this process and its forks."""

from __future__ import annotations

from sync_hostaway.core.settings import get_settings
from sync_hostaway.transforms.invocation import preload_project, profile_environment
from sync_hostaway.transforms.project import find_project

preload_project(find_project(), profile_environment(get_settings().warehouse_dsn))
