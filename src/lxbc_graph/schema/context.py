"""What the few resolvers there are need: signing in, and where the log of events stands."""

from dataclasses import dataclass

from lxbc_graph.live.log import Log
from lxbc_graph.policy.sign_in import SignIns
from lxbc_graph.policy.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Context:
    """The context of GraphQL's own executor."""

    sign_ins: SignIns
    tokens: Tokens
    log: Log
