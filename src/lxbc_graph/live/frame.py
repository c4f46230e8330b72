"""What a subscriber is sent: frames, and at last why there will be no more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, Self

LAST_EVENT_ID = "lastEventId"
"""Key in a request's ``extensions``: the cursor of the last frame received; newer than any ``after`` argument."""


class Frame(bytes):
    """A whole GraphQL response as JSON, the same bytes for everybody who gets it; where it resumes, if it does."""

    seq: int
    cursor: str | None

    def __new__(cls, body: bytes, seq: int = 0, cursor: str | None = None) -> Self:
        """Make a frame of the JSON, the number of the event that it shows, and the cursor that resumes after it."""
        frame = super().__new__(cls, body)
        frame.seq = seq
        frame.cursor = cursor
        return frame


MESSAGE_BYTES = 256
"""What a frame counts for besides its bytes: a message costs as much as these, however short it is."""


def portions(frames: Sequence[Frame], most_bytes: int) -> Iterator[Sequence[Frame]]:
    """Give the frames in turn, as many at once as count for so much together; each has a portion, however large."""
    portion: list[Frame] = []
    size = 0
    for frame in frames:
        counts = len(frame) + MESSAGE_BYTES
        if portion and size + counts > most_bytes:
            yield portion
            portion, size = [], 0
        portion.append(frame)
        size += counts
    if portion:
        yield portion


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a subscription is over: a code and a sentence; ``closed``: who asked has nothing to look for here."""

    code: str
    message: str
    closed: bool = False


REVOKED = Ending("ACCESS_REVOKED", "What you may see has changed: subscribe again.")
CLOSED = Ending(
    "ACCESS_REVOKED", "The account is closed, or what it signed in with was revoked.", closed=True
)
EXPIRED = Ending("TOKEN_EXPIRED", "The token has expired.", closed=True)


class Ended(Exception):
    """Ends a subscription from within what serves it."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(ending.message)
        self.ending = ending


class Sink(Protocol):
    """Where the frames of one subscription go: an operation on a socket, or an event stream."""

    def send(self, *frames: Frame) -> None:
        """Take frames; never waits, so whoever does not keep up is closed."""
        ...

    async def ready(self) -> None:
        """Wait until what was sent has mostly left; returns too when the client has gone."""
        ...

    def end(self, ending: Ending) -> None:
        """Take leave; nothing is sent afterwards."""
        ...
