"""Asks Airflow's API server for paths, in a process of its own; prints the answers' codes."""

from __future__ import annotations

import json
import sys

from airflow.api_fastapi.app import create_app
from fastapi.testclient import TestClient

with TestClient(create_app(), raise_server_exceptions=False, follow_redirects=False) as client:
    sys.stdout.write("RESULT " + json.dumps({path: client.get(path).status_code for path in sys.argv[1:]}) + "\n")
