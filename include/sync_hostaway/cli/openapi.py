"""Prints the OpenAPI document of the HTTP API without a server: `python -m sync_hostaway.cli.openapi`."""

from __future__ import annotations

import json
import sys

from sync_hostaway.airflow.run_trigger import InProcessTrigger
from sync_hostaway.api.app import create_app

if __name__ == "__main__":
    document = create_app(InProcessTrigger()).openapi()
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
