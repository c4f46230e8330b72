"""What a refusal says to people: in English and in Chinese, neither with words of the other."""

import re

from lxbc_graph.domain.errors import CommandError

_ENGLISH, _CHINESE = re.compile(r"[A-Za-z]"), re.compile(r"[一-鿿]")


def check_languages(error: CommandError) -> None:
    """Fail if a message speaks in the other's words: a state, a verb or an action is a word of English."""
    assert _ENGLISH.search(error.message), error
    assert not _CHINESE.search(error.message), error
    assert _CHINESE.search(error.message_zh), error
    assert not _ENGLISH.search(error.message_zh), error
