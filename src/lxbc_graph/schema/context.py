"""What the few resolvers there are need: signing in, where the log of events stands, and who asks why."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxbc_graph.domain.principal import Principal
from lxbc_graph.live.log import Log
from lxbc_graph.policy.sign_in import SignIns
from lxbc_graph.policy.tokens import Tokens

if TYPE_CHECKING:
    from .explain_access import Explainer


@dataclass(frozen=True, slots=True)
class Context:
    """The context of GraphQL's own executor."""

    sign_ins: SignIns
    tokens: Tokens
    log: Log
    explainer: "Explainer"
    principal: Principal | None = None
