"""The files of docker/ are right by their own linters, and say of this program what is so."""

import re
import subprocess
from pathlib import Path

from tests.containers import FOLDER, PASSWORDS, compose, nginx, ours, program, services
from typer.testing import CliRunner

from lxbc_graph.__main__ import cli
from lxbc_graph.settings import Settings

ROOT = FOLDER.parent
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
IMAGE = DOCKERFILE.rpartition("\nFROM ")[2]
"""The last stage: what runs."""
NGINX = (FOLDER / "nginx.conf").read_text()


def said(pattern: str, text: str) -> list[str]:
    found = re.findall(pattern, text, re.MULTILINE)
    assert found, pattern
    return found


def run(*command: str) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert not done.returncode, done.stdout
    return done.stdout


# ── linters ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_dockerfile_is_clean() -> None:
    run(program("hadolint"), str(FOLDER / "Dockerfile"))


def test_compose_takes_the_services_once_the_secrets_are_given_and_names_the_ones_that_are_not() -> None:
    assert compose("config", "--quiet", **PASSWORDS).stderr == ""
    for name in PASSWORDS:
        lacking = compose(
            "config", "--quiet", **{other: word for other, word in PASSWORDS.items() if other != name}
        )
        assert lacking.returncode
        assert f"required variable {name} is missing a value: see docker/.env.example" in lacking.stderr


def test_nginx_takes_its_configuration_and_is_the_one_of_the_image(tmp_path: Path) -> None:
    run(nginx(), "-t", "-p", f"{tmp_path}/", "-c", str(FOLDER / "nginx.conf"))
    (version,) = said(r"nginx/(\d+\.\d+)\.", run(nginx(), "-v"))
    assert services()["proxy"]["image"] == f"nginx:{version}-alpine-slim"


# ── the image ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_image_is_made_of_what_is_there_and_nothing_is_kept_from_it() -> None:
    ignored = (FOLDER / "Dockerfile.dockerignore").read_text().split()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    copied = {source for line in said(r"^COPY (?!--from)(.*) \S+$", DOCKERFILE) for source in line.split()}
    assert {source.partition("/")[0] for source in copied} == kept
    assert [source for source in sorted(copied) if not (ROOT / source).exists()] == []


def test_what_runs_is_a_user_without_a_name_and_has_nothing_to_build_with() -> None:
    assert said(r"^USER (.*)$", IMAGE) == ["10001:10001"]
    assert said(r"^RUN (.*)$", IMAGE) == [
        "install --directory --owner=10001 --group=10001 /var/lib/lxbc-graph"
    ]
    assert said(r"^COPY (.*)$", IMAGE) == ["--from=environment /opt/lxbc-graph /opt/lxbc-graph"]


def test_the_image_is_of_a_python_that_the_package_takes() -> None:
    (minor,) = set(said(r"^FROM python:3\.(\d+)-slim", DOCKERFILE))
    (least,) = said(r'^requires-python = ">=3\.(\d+)"$', (ROOT / "pyproject.toml").read_text())
    assert int(minor) >= int(least)


# ── the services ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_service_runs_a_command_that_there_is() -> None:
    for name, service in ours().items():
        assert CliRunner().invoke(cli, [*service["command"], "--help"]).exit_code == 0, name


def test_every_setting_is_one_that_is_read() -> None:
    given = {key for service in ours().values() for key in service["environment"]} | set(
        said(r"LXBC_\w+(?==)", IMAGE)
    )
    assert {key for key in given if key.startswith("LXBC_")} <= {
        f"LXBC_{key.upper()}" for key in Settings.model_fields
    }


def test_all_use_the_database_and_the_redis_that_are_there_with_their_passwords() -> None:
    postgres, redis = services()["postgres"], services()["redis"]
    assert postgres["environment"]["POSTGRES_PASSWORD"] == PASSWORDS["POSTGRES_PASSWORD"]
    assert redis["command"][-2:] == ["--requirepass", PASSWORDS["REDIS_PASSWORD"]]
    for service in ours().values():
        user = postgres["environment"]["POSTGRES_USER"]
        database = f"postgresql://{user}:{PASSWORDS['POSTGRES_PASSWORD']}@postgres/{user}"
        assert service["environment"]["LXBC_DATABASE_URL"] == database
        assert service["environment"]["LXBC_REDIS_URL"] == f"redis://:{PASSWORDS['REDIS_PASSWORD']}@redis"


def test_the_database_has_connections_for_all_processes_and_a_few_more() -> None:
    (most,) = said(r"^-cmax_connections=(\d+)$", "\n".join(services()["postgres"]["command"]))
    pools = 4 * Settings.model_fields["pool_size"].default
    assert len(ours()) * pools + 20 <= int(most)


def test_the_proxy_finds_every_process_that_serves_and_nothing_else() -> None:
    (port,) = said(r"\bLXBC_PORT=(\d+)", IMAGE)
    assert said(r"^EXPOSE (\d+)$", IMAGE) == [port]
    serving = {name for name, service in ours().items() if service["command"] == ["serve"]}
    assert set(said(r"^ +server (\S+) resolve ", NGINX)) == {f"{name}:{port}" for name in serving}
    assert set(services()["proxy"]["depends_on"]) == serving
    for name in serving:
        assert "front" in services()[name]["networks"]


def test_the_outside_reaches_the_proxy_alone_and_by_default_only_this_machine() -> None:
    published = {name: service["ports"] for name, service in services().items() if "ports" in service}
    (port,) = published.pop("proxy")
    assert published == {}
    assert (port["host_ip"], [str(port["target"])]) == ("127.0.0.1", said(r"^ +listen (\d+);$", NGINX))
    assert [name for name, service in services().items() if "front" in service["networks"]] == [
        "api-1",
        "api-2",
        "proxy",
    ]


def test_a_service_can_do_no_more_than_it_must() -> None:
    for name, service in services().items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        user = {"proxy": "nginx", "postgres": "postgres", "redis": "redis"}.get(name)
        assert service.get("user") == user, name
        assert service.get("read_only", False) != (name == "postgres"), name
