"""Media types as clients write them: which they prefer in ``Accept``, and which they sent."""

import re
from functools import lru_cache

HTML = "text/html"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed;subscriptionspec=1.0"
GRAPHQL_JSON = "application/graphql-response+json"
PLAIN_JSON = "application/json"
SENT_JSON = f"{PLAIN_JSON}; charset=utf-8"
"""As an answer's type is written."""

_WEIGHT = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")
_JSON_RANGES = {"application/*": (PLAIN_JSON, GRAPHQL_JSON), "*/*": (PLAIN_JSON, GRAPHQL_JSON)}
"""What a range stands for; a page or a stream has to be named."""
_SPEC = "subscriptionspec"
"""The parameter that makes a type of its own: without it, or with another, multipart/mixed has other parts."""
_CHOICES = 32  # more than any client has; what comes after them is one that nobody offers


@lru_cache(maxsize=128)  # clients repeat themselves
def preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    """Return which of the offered types the client prefers, by quality, then by its order; None if it takes none."""
    asked: dict[str, float] = {}
    for choice in (accept or "*/*").split(",", _CHOICES):
        name, parameters = parse(choice)
        if _SPEC in parameters:
            name = f"{name};{_SPEC}={parameters[_SPEC]}"
        quality = _quality(parameters)
        asked[name] = max(asked.get(name, 0.0), quality)
    best, chosen = 0.0, None
    for name in asked:
        for media_type in _JSON_RANGES.get(name, (name,)):
            # What names the type itself says more about it than a range does.
            quality = next(asked[said] for said in (media_type, *_JSON_RANGES) if said in asked)
            if quality > best and media_type in offered:
                best, chosen = quality, media_type
    return chosen


def parse(text: str) -> tuple[str, dict[str, str]]:
    """Return a media type and its parameters, all in lower case."""
    name, *parameters = text.lower().split(";")
    pairs = (parameter.partition("=") for parameter in parameters)
    return name.strip(), {key.strip(): value.strip().strip('"') for key, _, value in pairs}


def is_utf_8(parameters: dict[str, str]) -> bool:
    """Tell whether the parameters leave the text in the only encoding there is here."""
    return parameters.get("charset", "utf-8") in {"utf-8", "utf8"}


def _quality(parameters: dict[str, str]) -> float:
    weight = parameters.get("q", "1")
    return float(weight) if _WEIGHT.fullmatch(weight) and is_utf_8(parameters) else 0.0
