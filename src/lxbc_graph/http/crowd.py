"""How many connections each address has open: all that is known of who has asked nothing yet.

The addresses of trusted proxies stand for many, and are not counted.
"""

from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from .address import address
from .rejected import Rejected


class Crowd:
    """Counts in this process; ``most`` of 0 is no limit."""

    def __init__(self, most: int = 0, proxies: Sequence[str] = ()) -> None:
        self._most = most
        self._proxies = [ip_network(proxy) for proxy in proxies]
        self._open: Counter[str] = Counter()

    @property
    def refusal(self) -> Rejected:
        """What is said to one too many."""
        message = f"At most {self._most} connections of one address at once."
        return Rejected(429, "RATE_LIMITED", message, {"Retry-After": "1"}, limit=self._most, retryAfter=1)

    def counted(self, client: tuple[str, int] | None) -> str | None:
        """Return under which name a connection is counted, if it is."""
        name = None if client is None or not self._most else address(client[0])
        if name is None or client is None:
            return None
        peer = ip_address(client[0].partition("%")[0])
        return None if any(peer in network for network in self._proxies) else name

    def enter(self, name: str | None) -> bool:
        """Count a connection, to be given back by ``leave``, and say whether it is one too many."""
        if name is None:
            return False
        self._open[name] += 1
        return self._open[name] > self._most

    def leave(self, name: str | None) -> None:
        """Give a connection back."""
        if name is not None:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]
