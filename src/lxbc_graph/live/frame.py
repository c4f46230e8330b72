"""What a subscriber is sent for one event, and how it says which it had last."""

from typing import Self

LAST_EVENT_ID = "lastEventId"
"""Key in a request's ``extensions``: the cursor of the last frame received; newer than any ``after`` argument."""


class Frame(bytes):
    """A whole GraphQL response as JSON, and the cursor that resumes after the event it shows."""

    cursor: str

    def __new__(cls, body: bytes, cursor: str) -> Self:
        """Make a frame of the JSON and the cursor."""
        frame = super().__new__(cls, body)
        frame.cursor = cursor
        return frame
