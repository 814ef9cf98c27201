"""The Dockerfile and compose.yaml, as far as they can be tried without an engine: linters, and what they run."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from mediatheque import config
from processes import answers, flask, free_port, wait_for

DOCKERFILE = config.ROOT / "Dockerfile"
COMPOSE = config.ROOT / "compose.yaml"
PROGRAMS = Path(sys.executable).parent


def said(command, **options):
    """Exit status and output."""
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False, **options
    )
    return done.returncode, done.stdout


@pytest.fixture(scope="module")
def instructions():
    """The last stage's, by name, each in one line."""
    lines = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ").splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM"))
    return dict(line.split(maxsplit=1) for line in lines[last:] if line)


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load(COMPOSE.read_text())["services"]


@pytest.fixture
def context(tmp_path):
    """A folder with what .dockerignore lets in."""
    patterns = [line for line in (config.ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert patterns[0] == "*", "All must be kept out, but for what is named."
    assert patterns[-1] == "**/__pycache__"
    for name in patterns[1:-1]:
        source, copy = config.ROOT / name.removeprefix("!"), tmp_path / name.removeprefix("!")
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy)
    return tmp_path


class TestDockerfile:
    def test_its_linter_finds_nothing(self):
        assert said([PROGRAMS / "hadolint", DOCKERFILE]) == (0, "")

    def test_its_base_is_one_version(self):
        bases = re.findall(r"^FROM (\S+)", DOCKERFILE.read_text(), re.MULTILINE)
        assert len(set(bases)) == 1
        assert re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", bases[0])

    def test_it_runs_as_a_user_without_a_name(self, instructions):
        assert instructions["USER"] == "10001:10001"

    def test_its_command_serves_with_nothing_but_what_is_copied(self, instructions, context, make_database):
        command = [*json.loads(instructions["ENTRYPOINT"]), *json.loads(instructions["CMD"])]
        port = free_port()
        given = dict(pair.split("=", 1) for pair in instructions["ENV"].split())
        given |= {"PATH": f"{PROGRAMS}:{os.environ['PATH']}", "PORT": port, "HOST": "127.0.0.1"}
        settings = {
            "DATABASE_URL": make_database("deployed").render_as_string(hide_password=False),
            "JWT_SECRET_KEY": "0123456789abcdef" * 2,
            "COVERAGE_PROCESS_CONFIG": "",  # the copy's lines are not those of the source
        }
        outside = {name: value for name, value in os.environ.items() if not name.startswith("FLASK_")}
        environment = outside | given | settings
        assert said(["flask", "db", "create"], cwd=context, env=environment) == (0, "Tables have been created.\n")
        with subprocess.Popen(
            command, cwd=context, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            try:
                wait_for(lambda: process.poll() is not None or answers(port))
                assert process.poll() is None
                assert healthy(instructions, port)
            finally:
                process.terminate()
        assert process.returncode == 0
        assert not healthy(instructions, port)

    def test_it_is_healthy_while_its_database_is_away(self, instructions, port):
        with flask("serve", instance="", DATABASE_URL="postgresql://127.0.0.1:1/away", PORT=port) as process:
            wait_for(lambda: process.poll() is not None or healthy(instructions, port))
            assert process.poll() is None
            assert not answers(port)


def healthy(instructions, port):
    """What the HEALTHCHECK says of a server at that port."""
    command = json.loads(instructions["HEALTHCHECK"].partition(" CMD ")[2])
    status, _ = said([sys.executable, *command[1:]], env=os.environ | {"PORT": port})
    return status == 0


class TestCompose:
    def test_its_schema_is_kept(self):
        status, output = said([PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE])
        assert status == 0, output

    def test_no_service_can_write_to_its_image_or_gain_rights(self, services):
        for service in services.values():
            assert service["read_only"] is True
            assert service["cap_drop"] == ["ALL"]
            assert service["security_opt"] == ["no-new-privileges:true"]

    def test_only_nginx_can_be_reached(self, services):
        assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
        assert yaml.safe_load(COMPOSE.read_text())["networks"]["inside"] == {"internal": True}
        assert [name for name, service in services.items() if service["networks"] != ["inside"]] == ["nginx"]

    def test_images_of_others_are_exact_versions(self, services):
        images = [service["image"] for service in services.values() if service["image"] != "mediatheque"]
        assert [image for image in images if not re.fullmatch(r"\w+:\d+\.\d+(\.\d+)?-\w+", image)] == []

    def test_what_it_sets_are_settings(self, services):
        for name in ("application", "migrations"):
            assert set(services[name]["environment"]) - set(config.SETTINGS) == {"PGPASSWORD"}

    def test_secrets_are_asked_for_and_stand_nowhere(self):
        lines = [line for line in COMPOSE.read_text().splitlines() if re.search("(PASSWORD|JWT_SECRET_KEY): ", line)]
        assert len(lines) == 3
        assert [line for line in lines if not re.search(r": \$\{[A-Z_]+:\?[^}]+\}$", line)] == []

    def test_tables_are_made_once_before_the_server_starts(self, services):
        assert services["migrations"]["command"] == ["db", "create"]
        assert services["migrations"]["restart"] == "no"
        waits = services["application"]["depends_on"]
        assert waits["migrations"]["condition"] == "service_completed_successfully"
        assert services["nginx"]["depends_on"]["application"]["condition"] == "service_healthy"
