"""How long it takes until an answer begins."""

from time import perf_counter

from starlette.types import Message, Send

from lxbc_graph.telemetry import Telemetry


class Timed:
    """A ``send`` that notes when the answer begins, of what ``kind`` it is by then, and with which status."""

    def __init__(self, send: Send, telemetry: Telemetry) -> None:
        self.kind = "refused"
        self._send = send
        self._telemetry = telemetry
        self._asked = perf_counter()

    async def __call__(self, message: Message) -> None:
        """Send a message of the answer."""
        if message["type"] == "http.response.start":
            seconds = perf_counter() - self._asked
            self._telemetry.requests.labels(self.kind, message["status"]).observe(seconds)
        await self._send(message)
