"""What a client gets of what it accepts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lxbc_graph.http.accept import EVENT_STREAM, GRAPHQL_JSON, HTML, MULTIPART, PLAIN_JSON, preferred

OFFERED = (HTML, EVENT_STREAM, MULTIPART, PLAIN_JSON, GRAPHQL_JSON)
APOLLO = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0"
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/event-stream", EVENT_STREAM),
        ("TEXT/EVENT-STREAM;charset=utf-8", EVENT_STREAM),
        ("text/event-stream, application/json", EVENT_STREAM),
        ("application/json, text/event-stream", PLAIN_JSON),
        ("application/json;q=0.5, text/event-stream;q=0.9", EVENT_STREAM),
        ("text/event-stream;q=0.5, application/graphql-response+json", GRAPHQL_JSON),
        ("text/event-stream;q=0, */*;q=0.1", PLAIN_JSON),
        ("text/event-stream;q=nonsense", None),
        ("text/event-stream;q=nan", None),
        *(
            (f"text/event-stream;q={wrong}", None)
            for wrong in ("2", "inf", "-1", "1.1", "0.1234", "1e0", "¼", "")
        ),
        ("text/event-stream;q=1.000, application/json", EVENT_STREAM),
        ("application/json;q=0., text/event-stream;q=0.001", EVENT_STREAM),
        ("text/event-stream;charset=gb18030", None),
        ("*/*", PLAIN_JSON),
        ("text/*", None),
        ("image/png, text/event-stream", EVENT_STREAM),
        ("", PLAIN_JSON),
        (BROWSER, HTML),
        ("text/html;q=0.1, application/json", PLAIN_JSON),
        ("text/html;q=0, */*", PLAIN_JSON),
        (f"{APOLLO}, application/graphql-response+json,application/json;q=0.9", MULTIPART),
        ('application/json;q=0.9, multipart/mixed; SubscriptionSpec="1.0"', MULTIPART),
        (f"application/json, {APOLLO}", PLAIN_JSON),
        (f"{APOLLO};q=0.5, text/event-stream", EVENT_STREAM),
        ("multipart/mixed, application/json;q=0.1", PLAIN_JSON),
        ("multipart/mixed;deferSpec=20220824, application/json", PLAIN_JSON),
        ("multipart/mixed;subscriptionSpec=2.0", None),
        ("multipart/*", None),
        (f"{'image/png,' * 31}text/html", HTML),
        (f"{'image/png,' * 100_000}text/html", None),
    ],
    ids=lambda value: str(value)[:60],
)
def test_the_client_chooses(accept: str, expected: str | None) -> None:
    assert preferred(accept, OFFERED) == expected


def test_what_is_not_offered_is_not_chosen() -> None:
    assert preferred(BROWSER, (PLAIN_JSON,)) == PLAIN_JSON
    assert preferred("text/html, text/event-stream", (PLAIN_JSON, GRAPHQL_JSON)) is None


_qualities = st.integers(0, 1000).map(lambda thousandths: thousandths / 1000)
_choices = st.lists(st.tuples(st.sampled_from((*OFFERED, "image/png")), _qualities), unique_by=lambda c: c[0])


@given(_choices.filter(bool))
def test_the_greatest_quality_wins_and_the_first_of_equals(choices: list[tuple[str, float]]) -> None:
    accept = ", ".join(f"{name};q={quality}" for name, quality in choices)
    candidates = [(name, quality) for name, quality in choices if name in OFFERED and quality > 0]
    best = max(candidates, key=lambda choice: choice[1], default=(None, 0.0))  # the first of equals
    assert preferred(accept, OFFERED) == best[0]


@given(st.text())
def test_no_header_is_too_odd(accept: str) -> None:
    assert preferred(accept, OFFERED) in {None, *OFFERED}
