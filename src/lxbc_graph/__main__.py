"""The command line: of its commands, only the one that is typed is imported."""

import gc
import signal
import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

from . import logs

_MODULES = {
    "demo": "demo",
    "serve": "serve",
    "relay": "relay",
    "migrate": "migrate",
    "load": "load",
    "token": "token",
    "audit": "audit",
    "schema": "schema",
    "explain": "explain",
    "import": "imports",
    "policy": "policy",
    "accounts": "accounts",
    "postings": "postings",
    "api-keys": "api_keys",
    "keys": "signing_keys",
}
"""Where each command stands in ``cli``, in the order in which help lists them."""


class _Commands(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands = dict.fromkeys(_MODULES, self)  # names alone are asked for, to list and to suggest

    def get_command(self, _context: Any, name: str) -> Any:
        if name not in _MODULES:
            return None
        found = typer.main.get_command(_imported(_MODULES[name]).commands)
        found.name = name
        return found


def _imported(name: str) -> Any:
    """Import what a command needs; it stays, so the garbage collector need not look at it now or later."""
    gc.disable()
    try:
        return import_module(f"lxbc_graph.cli.{name}")
    finally:
        gc.freeze()
        gc.enable()


cli = typer.Typer(
    cls=_Commands,
    help="The GraphQL API of 联乡帮村.",
    epilog="The database is an embedded one in LXBC_DATA_DIR (.data), or that of LXBC_DATABASE_URL. LXBC_HOST and "
    "LXBC_PORT say where to listen.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@cli.callback()
def _has_commands() -> None:
    """Typer makes a group only of what has commands already, or this."""


def main() -> None:
    """Run the command; a failure is told without a traceback: status 1, or 2 for a setting or an argument."""
    logs.configure()
    # All end alike, putting everything away on the way out. Said for Ctrl-C too: a shell's `&` has it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: signal.raise_signal(signal.SIGINT))
    try:
        cli()
    except Exception as error:  # noqa: BLE001 - what is no refusal is raised again
        from .cli.refusals import tell  # noqa: PLC0415 - it imports every room

        sys.exit(tell(error))


if __name__ == "__main__":
    main()
