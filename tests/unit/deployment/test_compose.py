"""docker-compose.yaml, Dockerfile and .dockerignore, checked without Docker: what is written there has to be true."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer
from cryptography.fernet import Fernet

from compose_file import COMPOSE_FILE, PROJECT, NotSet, environment, interpolate, load, strings, variables
from sync_hostaway.core.dag_ids import SYNC_FILES
from sync_hostaway.core.settings import SHORT_NAMES, Settings
from sync_hostaway.local.airflow import BUNDLE

COMPOSE = load()
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
AIRFLOW = {name: service for name, service in SERVICES.items() if "build" in service}
ONE_SHOT = {"init"}
MANUAL = PROJECT / "docs" / "deployment.md"
SECRETS = {
    "POSTGRES_PASSWORD": "p" * 64,
    "AIRFLOW_FERNET_KEY": Fernet.generate_key().decode(),
    "AIRFLOW_JWT_SECRET": "j" * 64,
    "AIRFLOW_API_SECRET_KEY": "a" * 64,
    "AIRFLOW_ADMIN_PASSWORD": "b" * 64,
    "AIRFLOW__HOSTAWAY__SECRET_KEYS": Fernet.generate_key().decode(),
}
# Of the profile monitoring: its containers refuse to start without them.
OPTIONAL_SECRETS = {"GRAFANA_ADMIN_PASSWORD", "AIRFLOW__HOSTAWAY__METRICS_TOKEN"}
SECRET_SETTINGS = re.compile(r"PASSWORD|SECRET|FERNET_KEY|TOKEN$")
# Settings of `make demo` and of the embedded platform; a deployment names these places itself.
NOT_PASSED_ON = {"accounts", "airflow_port"}

AIRFLOW_FACTS = """
    import json, sys
    from importlib import import_module
    from inspect import signature

    from airflow.cli.cli_parser import get_parser
    from airflow.configuration import conf
    from airflow.jobs.job import Job
    from airflow.jobs.scheduler_job_runner import SchedulerJobRunner

    wanted = json.load(sys.stdin)
    refused = []
    for arguments in wanted["commands"]:
        try:
            get_parser().parse_args(arguments)
        except SystemExit:
            refused.append(arguments)
    known = {section: sorted(options["options"]) for section, options in conf.configuration_description.items()}
    bundles = {}
    for path in wanted["bundles"]:
        module, _, name = path.rpartition(".")
        bundles[path] = [
            parameter
            for base in getattr(import_module(module), name).__mro__
            for parameter in signature(base.__init__).parameters
        ]
    retries = SchedulerJobRunner(Job())._num_stuck_queued_retries
    facts = {"refused": refused, "known": known, "bundles": bundles, "retries of queued tasks": retries}
    print(json.dumps(facts))
"""


def of_all(key: str) -> dict[str, Any]:
    return {name: service[key] for name, service in SERVICES.items() if key in service}


def commands() -> Iterator[list[str]]:
    """Every command line that a container runs: at its start, in a script, as a health check."""
    for service in SERVICES.values():
        for words in (service.get("command"), service.get("healthcheck", {}).get("test")):
            if not isinstance(words, list):
                continue
            yield [interpolate(word, SECRETS) for word in words if word not in ("CMD", "CMD-SHELL")]
            if "\n" in words[-1] or " " in words[-1]:
                script = re.sub(r"\$\$\(\(.*\)\)", "1", words[-1].replace("\\\n", " "))
                yield from (shlex.split(line) for line in script.splitlines())


def commands_of(program: str) -> list[list[str]]:
    return [words[1:] for words in commands() if words and words[0] == program]


def manual() -> Iterator[list[str]]:
    """Every command that the manual runs inside of a container."""
    text = MANUAL.read_text(encoding="utf-8")
    for line in re.findall(r"docker compose exec (?:-T )?([^`\n]+)", text):
        service, *words = shlex.split(re.sub(r"\$\(.*?\)", "now", line).partition(" > ")[0].partition(" < ")[0])
        assert service in SERVICES, line
        yield words


def bundles() -> list[dict[str, Any]]:
    """The Dag bundle in use, and the one in the comment beside it."""
    text = re.sub(r"^ *# ?", "", COMPOSE_FILE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    found = re.findall(r"DAG_BUNDLE_CONFIG_LIST: >-\s*(\[.*?\])\n", text, re.DOTALL)
    return [bundle for listed in found for bundle in json.loads(listed)]


def airflow_settings() -> set[tuple[str, str]]:
    names = {name for service in AIRFLOW.values() for name in service["environment"]}
    split = [name.removeprefix("AIRFLOW__").split("__", 1) for name in names if name.startswith("AIRFLOW__")]
    return {(section.lower(), option.lower()) for section, option in split}


@pytest.fixture(scope="module")
def airflow_facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the installed Airflow says about our commands, and which settings it has."""
    home = tmp_path_factory.mktemp("airflow")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", dedent(AIRFLOW_FACTS)],
        input=json.dumps(
            {
                "commands": [*commands_of("airflow"), *(words[1:] for words in manual() if words[0] == "airflow")],
                "bundles": [bundle["classpath"] for bundle in bundles()],
            }
        ),
        env={
            "AIRFLOW_HOME": str(home),
            "HOME": str(home),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__SCHEDULER__NUM_STUCK_IN_QUEUED_RETRIES": "7",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(facts, dict)
    return facts


def test_no_secret_has_a_default() -> None:
    found = [variable for text in strings(COMPOSE) for variable in variables(text)]
    secret = {variable.name for variable in found if SECRET_SETTINGS.search(variable.name)}
    assert secret == set(SECRETS) | OPTIONAL_SECRETS
    assert {(v.name, v.operator, v.argument) for v in found if v.name in OPTIONAL_SECRETS} == {
        (name, ":-", "") for name in OPTIONAL_SECRETS
    }
    assert [v for v in found if v.name in SECRETS and v.operator != ":?"] == []
    assert {v.name for v in found if v.operator == ":?"} == set(SECRETS)


@pytest.mark.parametrize("missing", SECRETS)
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_or_empty_secret_stops_the_start_and_says_how_to_make_one(missing: str, value: str | None) -> None:
    values = {name: secret for name, secret in SECRETS.items() if name != missing}
    if value is not None:
        values[missing] = value
    with pytest.raises(NotSet, match=rf"^{missing}: .*\.env.*openssl rand"):
        _ = [environment(SERVICES[name], values) for name in of_all("environment")]


def test_no_secret_is_written_down() -> None:
    literal = {
        name: value
        for service in SERVICES.values()
        for name, value in service.get("environment", {}).items()
        if SECRET_SETTINGS.search(name) and value and "${" not in str(value) and "PASSWORDS_FILE" not in name
    }
    assert literal == {}


def test_the_ways_to_make_a_fernet_key_work() -> None:
    required = [v for text in strings(COMPOSE) for v in variables(text) if v.operator == ":?"]
    hints = {variable.argument for variable in required if "base64" in variable.argument}
    assert len(hints) == 1
    command = hints.pop().partition(" - ")[2]
    made = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    Fernet(made.stdout.strip())


def test_the_example_names_every_required_variable() -> None:
    example = (PROJECT / ".env.example").read_text(encoding="utf-8")
    named = set(re.findall(r"^(?:# *)?([A-Z][A-Z0-9_]*)=", example, re.MULTILINE))
    assert set(SECRETS) - named == set()


def test_airflow_containers_share_image_build_and_settings() -> None:
    assert set(AIRFLOW) == {
        "init",
        "airflow-apiserver",
        "airflow-scheduler",
        "airflow-dag-processor",
        "airflow-triggerer",
        "airflow-worker",
    }
    for key in ("image", "build", "init", "security_opt", "cap_drop"):
        assert len({json.dumps(service[key], sort_keys=True) for service in AIRFLOW.values()}) == 1, key
    admin = {"AIRFLOW_ADMIN_PASSWORD"}
    own = {json.dumps({k: v for k, v in s["environment"].items() if k not in admin}) for s in AIRFLOW.values()}
    assert len(own) == 1
    # The passwords file is made from it once; nothing else has to know it.
    assert [name for name, each in of_all("environment").items() if admin & set(each)] == ["init"]


def test_settings_are_whole_once_the_secrets_are_there() -> None:
    (settings,) = {json.dumps(environment(AIRFLOW[name], SECRETS)) for name in set(AIRFLOW) - ONE_SHOT}
    found = json.loads(settings)
    assert all(value.strip() for value in found.values())
    password = SECRETS["POSTGRES_PASSWORD"]
    assert found["WAREHOUSE_URL"] == f"postgresql://hostaway:{password}@postgres:5432/warehouse"
    assert found["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    Fernet(found["AIRFLOW__CORE__FERNET_KEY"])
    (bundle,) = json.loads(found["AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"])
    assert bundle["kwargs"] == {"path": "/opt/sync-hostaway"}
    # What Celery imports ahead must be there to import.
    assert "dbt.cli.main" in json.loads(found["AIRFLOW__CELERY__EXTRA_CELERY_CONFIG"])["imports"]


def test_a_database_elsewhere_replaces_the_bundled_one() -> None:
    elsewhere = {
        "AIRFLOW_DATABASE_URL": "postgresql+psycopg2://a:b@db.example/airflow",
        "WAREHOUSE_URL": "postgresql://a:b@db.example/warehouse",
    }
    for service in AIRFLOW.values():
        assert not [value for value in environment(service, SECRETS | elsewhere).values() if "@postgres:" in value]
    requirement = SERVICES["init"]["depends_on"]["postgres"]
    assert requirement == {"condition": "service_healthy", "required": False}
    assert [name for name, service in SERVICES.items() if "postgres" in service.get("depends_on", {})] == ["init"]


def test_every_airflow_setting_exists(airflow_facts: dict[str, Any]) -> None:
    known = {(section, option) for section, options in airflow_facts["known"].items() for option in options}
    # Cosmos reads its section without declaring it.
    known |= {("cosmos", "enable_telemetry"), ("cosmos", "cache_dir")}
    # So does Airflow's scheduler with one of its options.
    assert airflow_facts["retries of queued tasks"] == 7
    known |= {("scheduler", "num_stuck_in_queued_retries")}
    known |= {("hostaway", name) for name in Settings.model_fields}
    assert airflow_settings() - known == set()


def test_every_setting_of_ours_reaches_the_containers() -> None:
    names = {name for service in AIRFLOW.values() for name in service["environment"]}
    for field in set(Settings.model_fields) - NOT_PASSED_ON:
        wanted = {f"AIRFLOW__HOSTAWAY__{field.upper()}", SHORT_NAMES.get(field)}
        assert wanted & names, f"{COMPOSE_FILE.name} does not pass {' or '.join(sorted(filter(None, wanted)))} on"


def test_every_airflow_command_exists(airflow_facts: dict[str, Any]) -> None:
    assert airflow_facts["refused"] == []
    started = {" ".join(service["command"][1:]) for name, service in AIRFLOW.items() if name not in ONE_SHOT}
    assert started == {"api-server", "scheduler", "dag-processor", "triggerer", "celery worker"}


def test_every_command_of_ours_exists() -> None:
    from sync_hostaway.cli.main import app

    command: Any = typer.main.get_command(app)
    ours = commands_of("sync-hostaway")
    assert ours == [["migrate"], ["simulator", "--host", "0.0.0.0"]]
    assert all(words[0] in command.commands for words in ours)


def test_both_dag_bundles_can_be_made_as_written(airflow_facts: dict[str, Any]) -> None:
    git, local = bundles()
    assert local["classpath"].endswith(".LocalDagBundle")
    assert git["classpath"].endswith(".GitDagBundle")
    for bundle in (local, git):
        assert set(bundle["kwargs"]) <= set(airflow_facts["bundles"][bundle["classpath"]])
        assert bundle["name"] == BUNDLE


def test_the_manual_is_true_to_the_files() -> None:
    from sync_hostaway.cli.main import app

    text = MANUAL.read_text(encoding="utf-8")
    inside = list(manual())
    assert {"airflow", "sync-hostaway", "psql", "pg_dump"} <= {words[0] for words in inside}
    command: Any = typer.main.get_command(app)
    for words in inside:
        if words[0] == "sync-hostaway":
            assert words[2] in command.commands[words[1]].commands
    described = {*re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE)}
    assert described == set(SERVICES)
    used = {variable.name for value in strings(COMPOSE) for variable in variables(value)}
    assert {name for name in used if f"`{name}`" not in text} == set()


@pytest.mark.parametrize(
    ("settings", "slots"),
    [({}, "4"), ({"AIRFLOW_WORKERS": "3"}, "16"), ({"AIRFLOW_WORKER_CONCURRENCY": "1"}, "1")],
)
def test_init_makes_the_pools_that_the_dags_use(settings: dict[str, str], slots: str) -> None:
    """Syncs leave slots free with any number of workers."""
    from sync_hostaway.airflow.pools import DBT_POOL, SYNC_POOL

    script = interpolate(SERVICES["init"]["command"][-1], {"AIRFLOW_ADMIN_PASSWORD": "x", **settings})
    lines = [line for line in script.splitlines() if line.startswith(("slots=", "airflow pools"))]
    said = subprocess.run(
        ["bash", "-euc", "airflow() { echo $3 $4; }\n" + "\n".join(lines)], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == [DBT_POOL, "1", SYNC_POOL, slots]


def test_init_writes_the_password_file_that_airflow_reads(tmp_path: Path) -> None:
    script = SERVICES["init"]["command"][-1]
    target = SERVICES["init"]["environment"]["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
    last = script[script.index("umask") :].replace(target, str(tmp_path / "passwords.json"))
    subprocess.run(
        ["bash", "-euc", last],
        env={"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "AIRFLOW_ADMIN_PASSWORD": 'it"s'},
        check=True,
    )
    assert json.loads((tmp_path / "passwords.json").read_text()) == {"admin": 'it"s'}
    assert (tmp_path / "passwords.json").stat().st_mode & 0o777 == 0o600


def test_what_runs_on_has_a_health_check_and_starts_again() -> None:
    for name in set(SERVICES) - ONE_SHOT:
        assert SERVICES[name]["healthcheck"]["test"], name
        assert SERVICES[name]["restart"] == "unless-stopped", name
    assert SERVICES["init"]["restart"] == "no"
    for name in set(AIRFLOW) - ONE_SHOT:
        assert SERVICES[name]["depends_on"]["init"] == {"condition": "service_completed_successfully"}, name


def test_ports_are_published_on_loopback_only() -> None:
    published = {name: [interpolate(port, SECRETS) for port in ports] for name, ports in of_all("ports").items()}
    assert published == {"airflow-apiserver": ["127.0.0.1:8080:8080"], "grafana": ["127.0.0.1:3000:3000"]}


def test_only_those_who_use_the_broker_reach_it() -> None:
    assert COMPOSE["networks"]["broker"] == {"internal": True}
    assert SERVICES["redis"]["networks"] == ["broker"]
    joined = {name for name, networks in of_all("networks").items() if "broker" in networks}
    assert joined == {"redis", "airflow-scheduler", "airflow-worker"}


def test_workers_can_be_many() -> None:
    worker = SERVICES["airflow-worker"]
    assert interpolate(str(worker["scale"]), {"AIRFLOW_WORKERS": "3"}) == "3"
    assert "container_name" not in worker
    assert "ports" not in worker


def test_what_must_be_shared_is_on_a_volume_and_every_volume_is_declared() -> None:
    for name, service in AIRFLOW.items():
        assert "logs:/opt/airflow/logs" in service["volumes"], name
    mounted = {volume.split(":")[0] for volumes in of_all("volumes").values() for volume in volumes}
    assert mounted == set(COMPOSE["volumes"])
    holders = {name for name, volumes in of_all("volumes").items() if any(v.startswith("auth:") for v in volumes)}
    assert holders == {"init", "airflow-apiserver"}


def test_only_the_dag_processor_keeps_a_list_of_accounts() -> None:
    folder = Path(AIRFLOW["init"]["environment"]["AIRFLOW__HOSTAWAY__SNAPSHOT_PATH"]).parent
    holders = {name for name, volumes in of_all("volumes").items() if f"accounts:{folder}" in volumes}
    assert holders == {"airflow-dag-processor"}


def test_no_path_leads_outside() -> None:
    for name, volumes in of_all("volumes").items():
        for volume in volumes:
            source, target = volume.split(":")
            assert re.fullmatch(r"[a-z]+", source), f"{name} mounts a folder of the host: {volume}"
            assert ".." not in target
    assert {service["build"]["context"] for service in AIRFLOW.values()} == {"."}


def test_postgres_keeps_its_data_where_version_18_puts_it() -> None:
    postgres = SERVICES["postgres"]
    assert postgres["image"] == "postgres:18"
    assert postgres["volumes"] == ["postgres:/var/lib/postgresql"]
    assert postgres["environment"]["POSTGRES_DB"] == "airflow"
    (database,) = postgres["configs"]
    assert database["target"].startswith("/docker-entrypoint-initdb.d/")
    assert COMPOSE["configs"][database["source"]]["content"].strip() == "create database warehouse;"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", (PROJECT / "Dockerfile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines) if word]


def ignored(path: str) -> bool:
    """Whether .dockerignore keeps a path out of the build; the last matching line decides."""
    result = False
    for line in (PROJECT / ".dockerignore").read_text(encoding="utf-8").splitlines():
        pattern = line.removeprefix("!").strip("/")
        if not line or line.startswith("#"):
            continue
        parts = Path(path).parts
        starts = ["/".join(parts[: end + 1]) for end in range(len(parts))]
        anywhere = pattern.startswith("**/")
        candidates = parts if anywhere else starts
        if any(fnmatch.fnmatch(part, pattern.removeprefix("**/")) for part in candidates):
            result = not line.startswith("!")
    return result


def test_the_image_is_built_from_files_that_exist() -> None:
    for word, rest in instructions():
        if word == "COPY" and "--from=" not in rest:
            for source in rest.split()[:-1]:
                assert (PROJECT / source).exists(), source
                assert source == "." or not ignored(source), source


@pytest.mark.parametrize(
    "path",
    [
        "requirements.txt",
        "pyproject.toml",
        ".airflowignore",
        *(f"dags/{name}" for name in SYNC_FILES),
        "dbt_project/dbt_project.yml",
        "dbt_project/models/core/listings.sql",
        "include/sync_hostaway/landing/writer.sql",
        tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["readme"],
    ],
)
def test_the_image_gets_what_it_runs(path: str) -> None:
    assert not ignored(path)


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.production",
        ".git/config",
        ".local/secrets.json",
        ".venv/bin/python",
        "tests/conftest.py",
        "dbt_project/target/manifest.json",
        "include/sync_hostaway/__pycache__/cli.pyc",
        "docker-compose.override.yaml",
    ],
)
def test_the_image_gets_nothing_else(path: str) -> None:
    assert ignored(path)


def test_the_image_runs_without_root_on_hashed_requirements() -> None:
    found = instructions()
    assert [rest for word, rest in found if word == "USER"] == ["50000:0"]
    # After the last thing that needs root.
    assert found.index(("USER", "50000:0")) > max(i for i, (word, _) in enumerate(found) if word == "COPY")
    installs = [rest for word, rest in found if word == "RUN" and "pip install" in rest]
    assert any("--require-hashes --requirement requirements.txt" in rest for rest in installs)
    assert any("--no-deps --editable ." in rest for rest in installs)
    assert any("compileall" in rest for _, rest in found)
    assert any("ensure_manifest()" in rest for _, rest in found)


def test_the_image_prepares_the_folders_that_volumes_cover() -> None:
    values = {"AIRFLOW_HOME": "/opt/airflow", "SYNC_HOSTAWAY_HOME": "/var/lib/sync-hostaway"}
    (prepare,) = [rest for word, rest in instructions() if word == "RUN" and "useradd" in rest]
    for name, value in values.items():
        assert any(word == "ENV" and f"{name}={value}" in rest for word, rest in instructions())
        prepare = prepare.replace(f"${name}", value)
    targets = {volume.split(":")[1] for service in AIRFLOW.values() for volume in service["volumes"]}
    assert {target for target in targets if f'"{target}"' not in prepare} == set()
    assert {s["environment"]["SYNC_HOSTAWAY_HOME"] for s in AIRFLOW.values()} == {values["SYNC_HOSTAWAY_HOME"]}


def test_no_container_can_write_but_where_it_must() -> None:
    """What Airflow and the product write is on a volume or a temporary file system; both belong to the user."""
    for name in {*AIRFLOW, "simulator", "prometheus", "grafana"}:
        service = SERVICES[name]
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
    for name, service in AIRFLOW.items():
        scratch = {mount.partition(":")[0] for mount in service["tmpfs"]}
        volumes = {volume.split(":")[1] for volume in service["volumes"]}
        written = [
            value
            for setting, value in environment(service, SECRETS).items()
            if value.startswith(("/opt/airflow", "/var/lib")) and not setting.endswith("PASSWORDS_FILE")
        ]
        assert len(written) > 4
        assert {
            path for path in written if not any(path.startswith(f"{place}") for place in scratch | volumes)
        } == set()
        assert "/tmp" in scratch, name
        # Of the user of the image: a temporary file system belongs to root otherwise.
        assert all("uid=50000" in mount or mount == "/tmp:mode=1777" for mount in service["tmpfs"]), name
        # Airflow writes all of its defaults where it finds no configuration.
        config = Path(service["environment"]["AIRFLOW_CONFIG"])
        assert any(rest.endswith(str(config)) for word, rest in instructions() if word == "RUN"), name


def test_profiles_are_optional() -> None:
    assert of_all("profiles") == {
        "prometheus": ["monitoring"],
        "grafana": ["monitoring"],
        "simulator": ["simulator"],
    }
    for service in AIRFLOW.values():
        assert not {"prometheus", "grafana", "simulator"} & set(service.get("depends_on", {}))


@pytest.mark.parametrize(
    ("service", "variable"), [("prometheus", "METRICS_TOKEN"), ("grafana", "GF_SECURITY_ADMIN_PASSWORD")]
)
def test_monitoring_refuses_to_start_without_its_secret(service: str, variable: str, tmp_path: Path) -> None:
    script = interpolate(SERVICES[service]["command"][0], {}).replace("exec ", "echo would start ")
    script = script.replace("/tmp/metrics-token", str(tmp_path / "token"))
    shell = ["/bin/sh", "-euc", script]
    missing = subprocess.run(shell, env={"PATH": "/bin"}, capture_output=True, text=True, check=False)
    assert missing.returncode != 0
    assert "in .env" in missing.stderr
    given = subprocess.run(shell, env={"PATH": "/bin", variable: "it's"}, capture_output=True, text=True, check=True)
    assert given.stdout.startswith("would start")
    if service == "prometheus":
        assert (tmp_path / "token").read_text() == "it's"
        assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600


def test_monitoring_reads_what_the_product_serves() -> None:
    targets = {source["target"] for name in ("prometheus", "grafana") for source in SERVICES[name]["configs"]}
    for name, config in COMPOSE["configs"].items():
        assert "content" in config or (PROJECT / config["file"]).is_file(), name
    config = load(PROJECT / "monitoring/prometheus.yaml")
    (job,) = config["scrape_configs"]
    assert job["metrics_path"] == "/hostaway/metrics"
    assert job["static_configs"] == [{"targets": ["airflow-apiserver:8080"]}]
    assert {f"/etc/prometheus/{name}" for name in config["rule_files"]} <= targets
    (provider,) = load(PROJECT / "monitoring/grafana-dashboards.yaml")["providers"]
    assert any(target.startswith(provider["options"]["path"]) for target in targets)
    (source,) = load(PROJECT / "monitoring/grafana-datasource.yaml")["datasources"]
    assert source["url"] == "http://prometheus:9090"


def test_nothing_calls_home() -> None:
    settings = environment(AIRFLOW["airflow-worker"], SECRETS)
    assert settings["AIRFLOW__COSMOS__ENABLE_TELEMETRY"] == "False"
    assert settings["DBT_SEND_ANONYMOUS_USAGE_STATS"] == "false"
    assert settings["DO_NOT_TRACK"] == "1"


@pytest.mark.parametrize("callers", [{}, {"NO_PROXY": "intern.example.com"}], ids=["none", "one"])
def test_containers_reach_each_other_without_a_proxy(callers: dict[str, str]) -> None:
    for name in AIRFLOW:
        found = environment(AIRFLOW[name], SECRETS | callers)
        direct = {host for host in found["NO_PROXY"].split(",") if host}
        assert direct == {
            "127.0.0.1",
            "localhost",
            "airflow-apiserver",
            "postgres",
            "redis",
            "simulator",
            *callers.values(),
        }
        assert found["no_proxy"] == found["NO_PROXY"]
        assert {"airflow-apiserver", "postgres", "redis"} <= SERVICES.keys()
