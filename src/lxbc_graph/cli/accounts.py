"""`lxbc-graph accounts`: who may sign in, and with what."""

import sys
from typing import Annotated

import typer

from lxbc_graph.policy import administration
from lxbc_graph.policy.passwords import hash_password
from lxbc_graph.store.database import Database

from .running import TOLD, Failure, group, in_transaction, on_database, show

commands = group("Who may sign in, and with what.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Of the account.")]
_FromStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from stdin: one line, of 8 characters or more."),
]


@commands.command(
    epilog=(
        "Examples: lxbc-graph accounts create portal-411024 --display-name 鄢陵县门户\n\n"
        "lxbc-graph accounts create li --cadre C0042 --password-stdin < password.txt"
    )
)
def create(
    name: Name,
    display_name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Shown to people; else the cadre's name, or NAME.")
    ] = None,
    cadre: Annotated[str | None, typer.Option(metavar="CODE", help="Whose account it is.")] = None,
    city: Annotated[
        str | None, typer.Option(metavar="CODE", help="Of which city; needed if there are several.")
    ] = None,
    oidc_subject: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Who it is at the identity provider.")
    ] = None,
    password_stdin: _FromStdin = False,
) -> None:
    """Create an account; it may do nothing until it is posted somewhere.

    Without a password it cannot log in: it has tokens, an API key, or the identity provider.
    """
    hashed = hash_password(_password()) if password_stdin else None
    in_transaction(
        lambda connection: administration.create(
            connection,
            name,
            display_name,
            city=city,
            cadre=cadre,
            password_hash=hashed,
            oidc_subject=oidc_subject,
        )
    )
    TOLD.print(f"Created {name}")


@commands.command("list")
def list_() -> None:
    """List the accounts: how each may sign in, and its postings in force, as role@place."""

    async def rows(database: Database) -> list[tuple[object, ...]]:
        return [
            (
                row["name"],
                row["display_name"],
                row["city"],
                row["cadre"],
                "disabled" if row["disabled"] else "open",
                row["by"],
                row["postings"],
            )
            for row in await administration.listed(database.pool)
        ]

    columns = ("account", "display name", "city", "cadre", "state", "signs in by", "postings")
    show(*columns, rows=on_database(rows), none="There are no accounts")


@commands.command()
def disable(name: Name) -> None:
    """Close an account: within a second it is signed out everywhere, and its subscriptions end."""
    in_transaction(lambda connection: administration.disable(connection, name))
    TOLD.print(f"Disabled {name}")


@commands.command()
def enable(name: Name) -> None:
    """Open a closed account again; what it was signed in with is not renewed."""
    in_transaction(lambda connection: administration.enable(connection, name))
    TOLD.print(f"Enabled {name}")


@commands.command(epilog="Example: pwgen 20 1 | lxbc-graph accounts password li --password-stdin")
def password(name: Name, password_stdin: _FromStdin = False) -> None:
    """Set the password of an account: asked for at a terminal, else read from stdin."""
    if not password_stdin and not sys.stdin.isatty():
        raise Failure(
            "give the password on stdin, with --password-stdin: never as an argument, which others can read"
        )
    hashed = hash_password(_password() if password_stdin else _checked(_prompted()))
    in_transaction(lambda connection: administration.set_password(connection, name, hashed))
    TOLD.print(f"Set the password of {name}; who was signed in with the old one is no longer renewed")


@commands.command(epilog="Example: lxbc-graph accounts link li 4f6c2f6e-2f0a-4b1e")
def link(
    name: Name,
    oidc_subject: Annotated[
        str | None,
        typer.Argument(
            metavar="[SUBJECT]",
            help="Who it is at the identity provider; left out, nobody.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say who an account is at the identity provider: the value of the claim LXBC_OIDC_ACCOUNT_CLAIM."""
    in_transaction(lambda connection: administration.link(connection, name, oidc_subject))
    TOLD.print(f"{name} is {'nobody' if oidc_subject is None else oidc_subject} at the identity provider")


@commands.command("sign-out")
def sign_out(name: Name) -> None:
    """End all sign-ins of an account: none is renewed any more; an access token lasts until it ends."""
    ended = in_transaction(lambda connection: administration.sign_out(connection, name))
    TOLD.print(f"Ended {ended} sign-ins of {name}")


def _password() -> str:
    """Return the line that stdin holds; only its end is cut off."""
    return _checked(sys.stdin.readline().removesuffix("\n").removesuffix("\r"))


def _prompted() -> str:
    given: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return given


def _checked(given: str) -> str:
    if len(given) < administration.SHORTEST_PASSWORD:
        raise Failure(f"a password has at least {administration.SHORTEST_PASSWORD} characters")
    return given
