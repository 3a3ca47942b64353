"""Which slot a question asks for."""

from __future__ import annotations

import re

from memos.language.english.slot_phrases import Words, is_plural, noun, owner, words_of
from memos.language.english.slot_predicates import singular
from memos.language.english.slot_reader import base_form
from memos.language.english.slot_words import (
    ADVERBS,
    DETERMINERS,
    FAVOURITE,
    LIGHT,
    PAST,
    PREPOSITIONS,
    SENSES,
    word_set,
)
from memos.language.port import ANY_FAVOURITE, SELF, Slot

LONGEST = 16
"""Words of a question that is looked at."""

_WH = word_set("what who whom which where when how whose")
_DO = frozenset(["does", "do", "can"])
_IS = frozenset(["is", "are", "am", "'s"])
_NOW = (ADVERBS | {"at", "the", "moment", "present", "right"}) - {"not", "no"}
_POLITE = word_set("please do you know can could would tell me remind us what's and so hey ok say")
_TAIL = PREPOSITIONS | word_set("be best most have to work a living his her its")
_YEAR = re.compile(r"(?:19|20)\d\d")
_PUNCTUATION = frozenset(".,;:!?\n")


def asked_slot(query: str) -> Slot | None:
    """The slot whose value a question asks for as it is; None where it asks for anything else.

    The question must be that and no more: one about the past, about a year, or with other words
    (such as a value) asks for something else.
    """
    if len(query) > 200:
        return None
    words = [word for word, _ in words_of(query) if word not in _PUNCTUATION]
    if not 2 <= len(words) <= LONGEST or any(
        word in PAST or _YEAR.fullmatch(word) for word in words[2 * (words[:2] == ["how", "old"]) :]
    ):
        return None
    while words and words[0] in _POLITE:
        words = words[1:]
    words = _without_now(words)
    if len(words) > 1 and words[0] in PREPOSITIONS and words[1] in _WH:
        words = words[1:]
    if len(words) < 2:
        return None
    if words[0] not in _WH:
        return _possessive(words)
    return _question(words[0], words[1:])


def _without_now(words: Words) -> list[str]:
    kept = list(words)
    while kept and kept[-1] in _NOW - {"the"}:
        kept.pop()
        while kept and kept[-1] in ("at", "the", "right"):
            kept.pop()
    return [word for word in kept if word not in ADVERBS or word in ("both", "even")]


def _question(wh: str, rest: list[str]) -> Slot | None:
    at = next((n for n, word in enumerate(rest) if word in _DO or word in _IS), None)
    if at is None:
        return _who_does(rest) if wh == "who" else None
    named, helper, rest = rest[:at], rest[at], rest[at + 1 :]
    if wh == "how":
        if named:
            return _of(rest, ("age",)) if named == ["old"] else None
        if helper in _IS:
            return None
    elif named and wh in ("where", "when", "who"):
        return _who_does([*named, helper, *rest]) if wh == "who" else None
    attribute = _attribute(named)
    if named and attribute is None:
        return None
    extra = () if attribute is None else (attribute,)
    if helper in _IS and not named:
        slot = _possessive(rest, everything=wh == "where")
        if slot is not None:
            return slot
    slot = _doing(rest, extra, helper in _IS)
    if slot is not None and wh == "where":
        places = tuple(
            attribute for attribute in slot.attributes if attribute != "job" or len(rest) > 3
        )
        return slot._replace(attributes=places)
    return slot


def _attribute(words: Words) -> str | None:
    named = noun(words) if words and not is_plural(words[-1]) else None
    return None if named is None or named.qualifier or named.value else named.attribute


def _possessive(words: Words, *, everything: bool = False) -> Slot | None:
    """`Ana's work phone`, `the work phone of Ana`, `my work phone`."""
    words = list(words)
    if "of" in words[1:-1] and "'s" not in words[: words.index("of")]:
        cut = words.index("of")
        whose, phrase = owner(words[cut + 1 :], SELF), words[:cut]
    elif "'s" in words:
        cut = len(words) - 1 - words[::-1].index("'s")
        whose, phrase = owner(words[:cut], SELF), words[cut + 1 :]
    elif words[0] == "my":
        whose, phrase = (SELF, ""), words[1:]
    else:
        return None
    if not PREPOSITIONS.isdisjoint(phrase) or is_plural(phrase[-1] if phrase else "s"):
        return None
    named = noun(phrase)
    if whose is None or named is None or named.value or (whose[1] and named.qualifier):
        return None
    attributes = [named.attribute]
    if named.attribute == "job":
        attributes += ["employer"] if everything else []
    return Slot(whose[0], tuple(attributes), whose[1] or named.qualifier)


def _doing(rest: list[str], extra: tuple[str, ...], linked: bool) -> Slot | None:
    """`Ana live in`, `Ana's band practise at`, `Ana due`: the subject, then the verb."""
    for at in range(1, min(len(rest), 7)):
        verb = f"{rest[at]}_{rest[at + 1]}" if at + 1 < len(rest) else rest[at]
        behind = rest[at + 2 :] if verb in SENSES else rest[at + 1 :]
        verb = verb if verb in SENSES else rest[at]
        if verb == "do" and behind in (["for", "work"], ["for", "a", "living"]):
            return _of(rest[:at], ("job", "employer"))
        if rest[at] == "be":
            continue
        who = rest[:at] if rest[at - 1] != "be" else rest[: at - 1]
        if rest[at] in ("like", "love", "enjoy") and rest[-1] in ("best", "most"):
            return _of(rest[:at], tuple(f"{ANY_FAVOURITE}{_bare(name)}" for name in extra))
        if not _TAIL.issuperset(behind):
            continue
        senses = [
            (preps, attribute)
            for preps, attribute in SENSES.get(verb, ())
            if ">" not in preps and ("to_work" not in preps or "work" in behind)
        ]
        fitting = [sense for sense in senses if not sense[0].isdisjoint(behind)]
        attributes = [attribute for _, attribute in fitting or senses]
        if attributes:
            return _of(who, extra if set(extra) & set(attributes) else (*extra, *attributes))
        if (at + 1 >= len(rest) and extra) or rest[at] in PREPOSITIONS or rest[at] == "have":
            return _of(rest[:at], extra) if extra else None
        if at == 1 and rest[at].isalpha() and not linked and verb not in ("do", "think", "say"):
            return _of(rest[:at], (*extra, f"verb:{base_form(rest[at])}"))
        if extra and not linked:
            return _of(rest[:at], extra)
    return _of(rest, extra) if extra and linked else None


def _bare(attribute: str) -> str:
    return attribute.removeprefix(ANY_FAVOURITE)


def _who_does(rest: list[str]) -> Slot | None:
    """`Who leads Kestrel?`: the subject of the slot is the verb's object."""
    attributes = [attr for preps, attr in SENSES.get(rest[0], ()) if ">" in preps]
    return _of(rest[1:], tuple(attributes)) if attributes else None


def _of(words: Words, attributes: tuple[str, ...]) -> Slot | None:
    whose = owner([word for word in words if word not in FAVOURITE | LIGHT], SELF)
    if whose is None or not attributes or set(words) <= DETERMINERS:
        return None
    unique = tuple(dict.fromkeys(attributes))
    return Slot(whose[0], unique, singular(whose[1]) if whose[1] in LIGHT else whose[1])
