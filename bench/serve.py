"""``python -m bench.serve NAME URL FD``: one worker of one server, on a socket that the parent has bound."""

import contextlib
import socket
import sys

from lxbc_graph.app import create_app
from lxbc_graph.http.server import serve
from lxbc_graph.settings import Settings

from .fanout.bare import bare
from .fanout.handler import handler
from .limit import Limit
from .plain import plain

APPLICATIONS = {
    # Q2 asks for the whole tree, whose pages might hold a hundred times what they do.
    "lxbc-graph": lambda url: create_app(
        Settings(database_url=url, max_cost=10_000_000, requests_per_minute=0, max_sockets_per_account=0)
    ),
    "limit": Limit,
    "plain": plain,
    "bare": bare,
    "strawberry": handler,
}


if __name__ == "__main__":
    name, url, descriptor = sys.argv[1:]
    with contextlib.suppress(KeyboardInterrupt):
        serve(
            APPLICATIONS[name](url), socket.socket(fileno=int(descriptor)), lambda: print("ready", flush=True)
        )
