"""What languages join to a word or change in it: forms of a folded word, for a query that finds nothing.

The index holds no words, so a form is asked for as it would stand in a text. Accents are folded away,
and one list serves all languages of a script.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

SHORTEST, LONGEST = 4, 24
"""Letters of the words that are tried: a shorter one with an ending is too many others."""

_LATIN = (
    "a e i o u y n t k s ja en in an on un em ie ow ou eho emu ami ach owi ego "  # Slavic, Finnish
    "ssa sta lla lta lle ksi na "  # Finnish
    "ban ben bol ba be nak nek val vel ra re rol tol hoz hez ig ok ek "  # Hungarian
    "da de ta te dan den tan ten lar ler im lari leri larda lerde lardan lerden"  # Turkish
)
_CYRILLIC = "а е и о у ы ю я й та ът то те ят ите ата ов ам ах ами ом ой ем ей ого ому"  # Bulgarian, Russian

_GRADED = re.compile("nk(?=[aeiouy]$)")

_MUTATIONS = {
    "c": ("ngh", "g", "ch"),
    "p": ("mh", "b", "ph"),
    "t": ("nh", "d", "th"),
    "b": ("m", "f"),
    "d": ("n", "dd"),
    "g": ("ng", ""),
}
"""How Welsh begins a word anew behind another."""


def inflected(word: str) -> Iterator[str]:
    """Folded words that may be forms of a folded word; none of one with figures in it."""
    if not SHORTEST <= len(word) <= LONGEST or not word.isalpha():
        return
    is_latin, is_cyrillic = "a" <= word[0] <= "z", "а" <= word[0] <= "є"
    endings = (_LATIN if is_latin else _CYRILLIC if is_cyrillic else "").split()
    stems: tuple[str, ...] = (word,)
    if word[-1] in "aeiouyаеиоуыя" and len(word) > SHORTEST:
        stems += (word[:-1],)
    if _GRADED.search(word):  # Finnish: Helsinki, Helsingissä
        stems += (_GRADED.sub("ng", word),)
    for stem in stems:
        for ending in endings:
            if stem + ending != word:
                yield stem + ending
    for begun in _MUTATIONS.get(word[0], ()) if len(word) > SHORTEST else ():
        yield begun + word[1:]
