"""`make audit`, with the real pip-audit and a service of known vulnerabilities on this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from audit.__main__ import main
from audit.policy import LONGEST, WrongPolicy, read_policy

TODAY = datetime.now(UTC).date()
FLAW = {
    "id": "GHSA-aaaa-bbbb-cccc",
    "aliases": ["CVE-2026-0001"],
    "summary": "A flaw",
    "affected": [
        {
            "package": {"name": "typer", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9.9"}]}],
        }
    ],
}


@contextmanager
def service(status: int = 200) -> Iterator[str]:
    """A server that knows one flaw of typer, as osv.dev answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = {"vulns": [FLAW]} if query["package"]["name"] == "typer" else {}
            body = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def lock_file(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    hashes = f"--hash=sha256:{'0' * 64}"
    file.write_text(f"typer==0.1.0 {hashes}\nrich==14.0.0 ; python_version < '4' {hashes}\n")
    return file


def policy(folder: Path, *entries: dict[str, object]) -> Path:
    file = folder / "accepted.yaml"
    file.write_text(yaml.safe_dump({"accepted": list(entries)}))
    return file


def entry(**values: object) -> dict[str, object]:
    return {
        "id": "CVE-2026-0001",
        "package": "typer",
        "reason": "not used",
        "expires": TODAY + timedelta(days=1),
        **values,
    }


def test_an_open_vulnerability_fails_and_an_accepted_one_does_not(
    tmp_path: Path, lock_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with service() as url:
        assert main([str(lock_file), "--osv-url", url, "--policy", str(policy(tmp_path))]) == 1
        assert "OPEN: typer 0.1.0: CVE-2026-0001 = GHSA-aaaa-bbbb-cccc; fixed in 9.9.9" in capsys.readouterr().out
        accepted = policy(tmp_path, entry(), entry(id="CVE-1999-0001"))
        assert main([str(lock_file), "--osv-url", url, "--policy", str(accepted)]) == 0
    said = capsys.readouterr().out
    assert "accepted until" in said
    assert "no longer needed: CVE-1999-0001" in said
    assert "0 open, 1 accepted" in said


@pytest.mark.parametrize("status", [500, None])
def test_without_an_answer_nothing_is_said_to_be_safe(
    tmp_path: Path, lock_file: Path, capsys: pytest.CaptureFixture[str], status: int | None
) -> None:
    if status:
        with service(status) as url:
            code = main([str(lock_file), "--osv-url", url, "--policy", str(policy(tmp_path))])
    else:
        code = main([str(lock_file), "--osv-url", "http://127.0.0.1:9/", "--policy", str(policy(tmp_path))])
    assert code == 2
    assert "no answer" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"expires": TODAY - timedelta(days=1)}, "update the package"),
        ({"expires": TODAY + LONGEST + timedelta(days=2)}, "ahead"),
        ({"expires": "soon"}, "date"),
        ({"expires": None}, "date"),
        ({"reason": " "}, "texts"),
        ({"id": 7}, "texts"),
        ({"owner": "me"}, "nothing else"),
    ],
)
def test_an_entry_that_has_expired_or_is_incomplete_fails(
    tmp_path: Path, lock_file: Path, capsys: pytest.CaptureFixture[str], wrong: dict[str, object], said: str
) -> None:
    file = policy(tmp_path, entry(**wrong))
    assert main([str(lock_file), "--policy", str(file), "--osv-url", "http://127.0.0.1:9/"]) == 1
    assert said in capsys.readouterr().err


def test_the_policy_of_the_project_can_be_read() -> None:
    """On the day it was written: an entry that expires fails `make audit`, not the tests."""
    file = Path(__file__).resolve().parents[3] / "audit" / "accepted.yaml"
    entries = yaml.safe_load(file.read_text(encoding="utf-8"))["accepted"]
    first = min((found["expires"] for found in entries), default=date(2026, 11, 29))
    try:
        read_policy(file, first)
    except WrongPolicy as error:
        pytest.fail(str(error))
