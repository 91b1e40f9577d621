"""Passwords that everybody would try first: common words, keyboard walks, names, dates, and what is made of them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from functools import cache
from itertools import pairwise
from pathlib import Path

WORDS = Path(__file__).with_name("common_words.txt")
"""Made by tests/common_words.py."""

FEW_WORDS = 2
FEW_OTHERS = 10
"""Two common words, with so few digits and signs beside them, are still tried early."""

SHORTEST_REPEATED = 5
PRODUCT = frozenset({"picam", "camera", "cam", "connectee", "connected", "raspberry", "pi", "webcam", "raspi"})

_AS_I = str.maketrans("013457@$!|", "oieastasil")
_AS_L = str.maketrans("013457@$!|", "oleastasll")


def is_common(password: str, *, name: str) -> bool:
    """Whether a password is among the first that somebody would try for the person of this name."""
    plain = _folded(password)
    letters = _letters(plain)
    about = PRODUCT | {_letters(_folded(name))} | set(re.findall(r"[^\W\d_]{2,}", _folded(name)))
    return (
        len(set(plain)) < SHORTEST_REPEATED
        or _repeats(plain)
        or _is_sequence(re.sub(r"[\s.,;:/_-]", "", plain))
        or _is_dates(plain)
        or (bool(letters) and _words_in(letters, about - {""}) is not None)
        or _is_few_words(plain)
    )


@cache
def common_words() -> frozenset[str]:
    """The blocklist, in lower case without accents."""
    return frozenset(line for line in WORDS.read_text("utf-8").splitlines() if not line.startswith("#"))


def _folded(text: str) -> str:
    """In lower case, without accents and without regard to how they are written."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter)).strip()


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


def _repeats(text: str) -> bool:
    """`abab…`: a short piece, or a common one, again and again."""
    length = (text + text).find(text, 1)
    if length >= len(text):
        return False
    return length < SHORTEST_REPEATED or _is_sequence(text[:length]) or _is_few_words(text[:length])


def _is_sequence(text: str) -> bool:
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return len(steps) <= 2 and steps <= {-9, -8, -1, 0, 1, 8, 9}


def _is_dates(text: str) -> bool:
    """Birthdays, with or without signs between."""
    digits = re.sub(r"[\s.,;:/_-]", "", text)
    year, month, day = r"(19|20)\d\d", r"(0[1-9]|1[0-2])", r"(0[1-9]|[12]\d|3[01])"
    return re.fullmatch(f"({year}{month}{day}|{day}{month}{year}|{month}{day}{year})+", digits) is not None


def _is_few_words(text: str) -> bool:
    if sum(not letter.isalpha() for letter in text) > FEW_OTHERS:
        return False
    return any(_words_in(read, common_words()) in range(1, FEW_WORDS + 1) for read in _readings(text))


def _readings(text: str) -> set[str]:
    """As it stands, and as it is meant when signs stand for letters (`p4ssw0rd`), each time also without what is in front
    and behind."""
    core = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", text)
    return {one for read in (text, core) for one in (read, read.translate(_AS_I), read.translate(_AS_L))}


def _words_in(text: str, words: Collection[str]) -> int | None:
    """The least number of `words` that follow each other in the text, with digits and signs between or around them; None
    when it has other letters, too."""
    longest = max(map(len, words), default=0)
    fewest: list[int | None] = [0]
    for end in range(1, len(text) + 1):
        before = [fewest[end - 1]] if not text[end - 1].isalpha() else []
        for begin in range(max(0, end - longest), end):
            count = fewest[begin]
            if count is not None and text[begin:end] in words:
                before.append(count + 1)
        fewest.append(min((count for count in before if count is not None), default=None))
    return fewest[-1]
