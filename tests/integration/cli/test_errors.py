"""What goes wrong is one line with the cause and the way out; details on request; no secret in either."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from sync_hostaway.accounts import first_sync, registry
from sync_hostaway.accounts.api_key import clean_api_key, decode_api_key
from sync_hostaway.cli import main as cli
from sync_hostaway.cli.errors import one_line
from sync_hostaway.core.db import Connection
from sync_hostaway.core.exceptions import HostawayMalformedReply, InvalidValue
from sync_hostaway.core.failures import error_text
from sync_hostaway.core.settings import get_settings
from sync_hostaway.hostaway.responses import decode
from sync_hostaway.hostaway.secret_masking import mask_passwords
from sync_hostaway.simulator import RunningSimulator

pytestmark = pytest.mark.integration

PASSWORD = "hush-hush-4711"


def call(*arguments: str, given: bytes | str | None = None, **environment: str) -> Result:
    return CliRunner(env={"COLUMNS": "80", **environment}).invoke(cli.app, list(arguments), input=given)


def the_one_line(result: Result) -> str:
    assert result.exit_code == 1, result.output
    (line,) = [line for line in result.stderr.strip().splitlines() if not line.startswith("The accounts of this home")]
    assert line.startswith("Error: ")
    assert PASSWORD not in result.output
    assert "Traceback" not in result.output
    return line


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem", "/nowhere/ca.pem"),
        ("HTTP_PROXY", f"http://me:{PASSWORD}@127.0.0.1:1", "Cannot reach Hostaway"),
        ("HTTP_PROXY", f"http://me:{PASSWORD} x@127.0.0.1:1", "proxy of HTTPS_PROXY, HTTP_PROXY"),
        ("HTTP_PROXY", f"http://me:{PASSWORD}@127.0.0.1:port", "HTTP_PROXY"),
        ("HTTP_PROXY", f"socks9://me:{PASSWORD}@127.0.0.1:1", "HTTP_PROXY"),
    ],
)
def test_a_connection_that_cannot_be_made_is_one_line(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    scheme = "https" if name == "REQUESTS_CA_BUNDLE" else "http"
    monkeypatch.setenv("HOSTAWAY_API_URL", f"{scheme}://hostaway.invalid")
    monkeypatch.setattr("sync_hostaway.hostaway.client.MAX_ATTEMPTS", 1)
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "off")
    for variable in ("NO_PROXY", "no_proxy", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    assert said in the_one_line(call("accounts", "add", "701", "--secret", "secret-701"))


def test_the_real_hostaway_is_reached_through_the_proxy_of_the_environment(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("NO_PROXY", "no_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("sync_hostaway.hostaway.client.MAX_ATTEMPTS", 1)
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__BUDGET_IP", "off")
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def refuse() -> None:
            client, _ = listener.accept()
            with client:
                asked.append(client.recv(1000))
                client.sendall(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")

        proxy = threading.Thread(target=refuse, daemon=True)
        proxy.start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{listener.getsockname()[1]}")
        get_settings.cache_clear()
        assert "Hostaway" in the_one_line(call("accounts", "add", "701", "--secret", "secret-701"))
        proxy.join(timeout=30)
    assert asked[0].startswith(b"CONNECT api.hostaway.com:443 ")


def test_details_are_there_on_request_and_hold_no_secret(
    warehouse: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError(f"at http://me:{PASSWORD}@proxy:1/ with {PASSWORD}")

    monkeypatch.setattr(registry, "add_account", fail)
    arguments = ["accounts", "add", "701", f"--secret={PASSWORD}"]
    monkeypatch.setattr(sys, "argv", ["sync-hostaway", *arguments])
    assert "[ZeroDivisionError]" in the_one_line(call(*arguments))
    for result in (call("--debug", *arguments), call(*arguments, LOG_LEVEL="DEBUG")):
        assert result.exit_code == 1
        assert "Traceback" in result.stderr
        assert "in fail" in result.stderr
        assert PASSWORD not in result.output


def test_a_traceback_in_the_log_shows_no_variables(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(payload: str) -> None:
        raise ZeroDivisionError

    assert call("secrets", "new-key").exit_code == 0
    try:
        fail(PASSWORD)
    except ZeroDivisionError:
        structlog.get_logger().exception("it_failed")
    told = capsys.readouterr().err
    assert "in fail" in told
    assert PASSWORD not in told


@given(st.text(st.characters(codec="utf-8", exclude_characters="\n"), min_size=1, max_size=30))
def test_any_password_of_a_url_is_masked(password: str) -> None:
    said = mask_passwords(f"Failed to parse: http://me:{password}@proxy.example.com:3128/x")
    assert said == "Failed to parse: http://***@proxy.example.com:3128/x"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[" * 2_000 + "]" * 2_000, '["\\u0000",' * 700])
def test_options_that_are_nested_deeply_are_a_clear_error(account: int, text: str) -> None:
    assert "JSON object" in the_one_line(call("accounts", "options", "701", text))


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '["\\u0000",' * 700])
def test_an_answer_that_ends_within_deep_nesting_is_a_clear_error(text: str) -> None:
    with pytest.raises(HostawayMalformedReply, match=r"not JSON|nested too deeply"):
        decode(text.encode())


def test_a_wrong_key_advises_to_add_again_and_stores_nothing(
    warehouse: Connection, simulator: RunningSimulator
) -> None:
    said = the_one_line(call("accounts", "add", "701", "--secret", "wrong"))
    assert "rotate" not in said
    assert "Nothing was stored" in said
    assert warehouse.execute("select from ops.accounts").rowcount == 0
    assert call("accounts", "add", "701", "--secret", "secret-701").exit_code == 0
    assert "The stored key was not changed" in the_one_line(call("accounts", "rotate", "701", "--secret", "wrong"))


AROUND = st.text(st.sampled_from(" \t\r\n\ufeff\u200b\u00a0\u2060\0"), max_size=4)


@given(AROUND, AROUND, st.sampled_from(["{}", '"{}"', "'{}'", "\u201c{}\u201d", "`{}`", '" {} "']))
def test_what_is_copied_along_with_a_key_is_removed(before: str, after: str, quotes: str) -> None:
    assert clean_api_key(before + quotes.format("s3cret-Key=") + after) == "s3cret-Key="


@pytest.mark.parametrize("text", ["", " \n", '""', "two words", "zero\u200bwidth"])
def test_what_can_be_no_key_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(InvalidValue) as raised:
        clean_api_key(text)
    assert not text.strip() or text not in str(raised.value)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_key_from_a_file_is_accepted_in_the_encodings_of_editors(
    warehouse: Connection, simulator: RunningSimulator, encoding: str
) -> None:
    content = '\r\n"secret-701" \r\n'.encode(encoding)
    assert clean_api_key(decode_api_key(content)) == "secret-701"
    result = call("accounts", "add", "701", given=content)
    assert result.exit_code == 0, result.output


def test_a_registration_without_airflow_says_when_the_first_sync_begins(
    warehouse: Connection, simulator: RunningSimulator
) -> None:
    result = call("accounts", "add", "701", "--secret", "secret-701")
    assert "within 15 minutes" in result.stderr
    assert "sync-hostaway sync --account 701 --mode full --transform" in result.stderr


def test_an_airflow_that_does_not_answer_keeps_no_account_from_being_registered(
    warehouse: Connection, simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(first_sync, "_REQUEST_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__RUN_TRIGGER", "rest")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__AIRFLOW_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AIRFLOW__HOSTAWAY__AIRFLOW_TOKEN", "t")
    get_settings.cache_clear()
    result = call("accounts", "add", "701", "--secret", "secret-701")
    assert result.exit_code == 0, result.output
    assert "did not accept the request" in result.stderr
    assert "within 15 minutes" in result.stderr
    monkeypatch.delenv("AIRFLOW__HOSTAWAY__AIRFLOW_URL")
    get_settings.cache_clear()
    result = call("accounts", "add", "702", "--secret", "secret-702")
    assert result.exit_code == 0, result.output
    assert "AIRFLOW__HOSTAWAY__AIRFLOW_URL" in result.stderr


def test_a_sync_says_what_is_left_to_do(account: int) -> None:
    result = call("sync", "--account", "701", "--resource", "listings")
    assert "`sync-hostaway transform` builds them" in result.stderr


def test_version_and_completion() -> None:
    assert call("--version").stdout.startswith("sync-hostaway 0")
    for shell in ("bash", "zsh", "fish"):
        done = subprocess.run(
            [Path(sys.executable).with_name("sync-hostaway"), f"--show-completion={shell}"],
            capture_output=True, text=True, timeout=60, env={"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "_SYNC_HOSTAWAY_COMPLETE" in done.stdout


def test_account_ids_are_completed(account: int) -> None:
    environment = {
        **os.environ,
        "_SYNC_HOSTAWAY_COMPLETE": "complete_bash",
        "COMP_WORDS": "sync-hostaway accounts disable 7",
        "COMP_CWORD": "3",
    }
    program = Path(sys.executable).with_name("sync-hostaway")
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, env=environment)
    assert done.stdout.split() == ["701"]


def test_a_wrong_log_level_names_the_right_ones() -> None:
    result = call("accounts", "list", LOG_LEVEL="loud")
    assert result.exit_code == 2
    assert "debug" in result.stderr
    assert "warning" in result.stderr


def test_hostile_names_do_not_steer_the_terminal(warehouse: Connection, account: int) -> None:
    warehouse.execute(
        "update ops.accounts set name = %s, state = 'disabled', state_reason = %s",
        ["\x1b[31mred\x9b2J\u202e", "\x07:smile:"],
    )
    shown = call("accounts", "list").stdout
    assert "\\u001b[31mred" in shown
    assert ":smile:" in shown
    assert not {"\x1b", "\x9b", "\u202e", "\x07"} & set(shown)
    assert json.loads(call("accounts", "list", "--json").stdout)[0]["name"] == "\x1b[31mred\x9b2J\u202e"


def test_a_reader_that_leaves_early_is_no_error(account: int) -> None:
    done = subprocess.run(
        f"{sys.executable} -c 'from sync_hostaway.cli.main import app; app()' accounts list --json | true",
        shell=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert "Error" not in done.stderr


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("accounts add 702", "API key is missing"),
        ("accounts purge 702", "--confirm 702"),
        ("accounts purge 702 </dev/null", "--confirm 702"),
        ("accounts add 702 </dev/zero", "API key"),
        ("local clean", "--yes"),
        ("local clean >&-", "--yes"),
    ],
)
def test_without_standard_input_the_option_is_named(
    warehouse: Connection, simulator: RunningSimulator, command: str, said: str
) -> None:
    """Services and cron may start a command with closed streams, or with a file that has no end."""
    done = subprocess.run(
        ["sh", "-c", f"exec 0<&-; '{sys.executable}' -c 'from sync_hostaway.cli.main import app; app()' {command}"],
        capture_output=True, encoding="utf-8", timeout=60,
    )  # fmt: skip
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Unexpected" not in done.stderr


def test_an_error_has_a_message_where_python_has_no_docstrings() -> None:
    code = "from sync_hostaway.core.exceptions import *; print(WarehouseBusy(), HostawayNotFound())"
    done = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["WarehouseBusy", "HostawayNotFound"]


def test_a_full_disk_of_postgresql_is_named(warehouse: Connection) -> None:
    with pytest.raises(psycopg.errors.DiskFull) as raised:
        warehouse.execute(
            "do $$ begin raise exception 'could not extend file: No space left on device' using errcode = '53100';"
            " end $$"
        )
    assert "The disk of the PostgreSQL server is full" in one_line(raised.value)
    assert "The disk of the PostgreSQL server is full" in error_text(raised.value)
