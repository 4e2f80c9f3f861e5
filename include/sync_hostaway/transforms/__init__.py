"""From landing to the core tables: runs of the dbt project, one at a time, recorded in a ledger."""

from __future__ import annotations

from sync_hostaway.transforms.artifacts import build_docs, ensure_manifest, manifest_for_dag
from sync_hostaway.transforms.invocation import ModelRun, profile_environment
from sync_hostaway.transforms.ledger import pending_loads
from sync_hostaway.transforms.own_project import build_own_project, own_project
from sync_hostaway.transforms.project import find_project, project_hash
from sync_hostaway.transforms.runner import TransformResult, run_transform

__all__ = [
    "ModelRun",
    "TransformResult",
    "build_docs",
    "build_own_project",
    "ensure_manifest",
    "find_project",
    "manifest_for_dag",
    "own_project",
    "pending_loads",
    "profile_environment",
    "project_hash",
    "run_transform",
]
