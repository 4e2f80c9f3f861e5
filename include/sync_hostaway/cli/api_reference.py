"""Prints docs/api-reference.md: `python -m sync_hostaway.cli.api_reference`."""

from __future__ import annotations

import sys

from sync_hostaway.airflow.run_trigger import InProcessTrigger
from sync_hostaway.api.app import create_app
from sync_hostaway.api.reference import reference

if __name__ == "__main__":
    sys.stdout.write(reference(create_app(InProcessTrigger())))
