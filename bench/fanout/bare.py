"""The floor: a bare Starlette WebSocket, sent ready text."""

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from .publishing import publishing


def bare(_url: str) -> Starlette:
    """Return the application."""
    sockets: set[WebSocket] = set()

    async def subscribe(socket: WebSocket) -> None:
        await socket.accept("graphql-transport-ws")
        await socket.receive_text()
        await socket.send_text('{"type":"connection_ack"}')
        await socket.receive_text()
        sockets.add(socket)
        try:
            await socket.receive_text()
        except WebSocketDisconnect:
            sockets.discard(socket)

    async def publish(frame: str) -> None:
        for socket in tuple(sockets):
            await socket.send_text(frame)

    return Starlette(routes=[WebSocketRoute("/graphql", subscribe), publishing(publish)])
