"""What one clause claims: its subject, its verb, and what stands behind it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from memos.language.english.slot_phrases import NOBODY, Words, noun, owner, value
from memos.language.english.slot_predicates import (
    FROM,
    TO,
    after,
    change_of,
    likings,
    roles,
    senses,
    typed,
    word_at,
)
from memos.language.english.slot_words import (
    ADVERBS,
    AUX,
    BE,
    LEAVING,
    LIGHT,
    MODAL,
    NOUNS,
    OPENERS,
    PARTICLES,
    PREPOSITIONS,
    SENSES,
    TURNING,
    VERBS,
)
from memos.language.port import Claim

_STOPPING = frozenset(["stopped", "stop", "stops", "quit"])
_OWNERSHIP = ("my", "our")


def read_clause(words: Words, raw: Words, voice: str, subject: str = "") -> list[Claim]:
    """The claims of a clause.

    Args:
        words: its folded words.
        raw: the same as written.
        voice: who speaks in the first person.
        subject: of whom the text spoke last.
    """
    start = 0
    while start < len(words) - 1 and words[start] in OPENERS and words[start + 1] != "'s":
        start += 1
    words, raw = words[start:], raw[start:]
    if len(words) < 3:
        return []
    if words[0] == "call":
        return list(_called(words, voice, subject))
    at = _verb_at(words)
    if at is None:
        return _habit(words, raw, voice, subject) if open_verb(words, raw) else []
    if not MODAL.isdisjoint(words[at : at + 4]):
        return []
    claims = _possessed(words, at, voice, subject)
    if claims:
        return claims
    whose = owner(words[:at], voice, subject)
    claims += _role_of(words, at, voice, subject)
    if whose is not None:
        claims += _predicated(whose, words, raw, at)
    return claims


def _predicated(whose: tuple[str, str], words: Words, raw: Words, at: int) -> list[Claim]:
    """The claims of a verb, which begins at a place, about a subject."""
    verb, rest, rest_raw, linked = _verb(words, raw, at)
    negated = _negates(words[at:])
    claims: list[Claim] = []
    claims += roles(whose, verb, words, at)
    claims += senses(whose, verb, rest, rest_raw, linked)
    claims += typed(whose, verb, rest, rest_raw, linked, {claim.attribute for claim in claims})
    if not claims:
        claims += likings(whose, verb, rest)
    if not claims and (verb in LEAVING or verb in TURNING or (negated and verb)):
        change = change_of(whose, verb, rest, negated)
        claims += [change] if change.old or change.new else []
    if negated:
        claims = [claim._replace(new="", old=claim.new or claim.old) for claim in claims]
    return claims


def _negates(words: Words) -> bool:
    """Whether what is told has ended: `no longer`, `doesn't ... any more`, `stopped going`."""
    if words[0] in _STOPPING or "don't" in words or "doesn't" in words:
        return True
    return any(pair == ("no", "longer") for pair in pairwise(words))


def open_verb(words: Words, raw: Words) -> bool:
    """Whether a clause is a habit told with a verb that no list knows: `Ana volunteers at X`."""
    at = 1
    while at < len(words) and words[at] in ADVERBS:
        at += 1
    if not at + 1 < len(words) or words[at] in VERBS or words[at + 1] not in PREPOSITIONS:
        return False
    return raw[0][:1].isupper() and words[at].isalpha() and (words[at][-1] == "s" or raw[0] == "I")


def base_form(verb: str) -> str:
    """The third person's verb without its ending."""
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    if verb.endswith(("ches", "shes", "sses", "xes", "oes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith("ss") else verb


def _habit(words: Words, raw: Words, voice: str, subject: str) -> list[Claim]:
    whose = owner(words[:1], voice, subject)
    at = next(n for n in range(1, len(words)) if words[n] not in ADVERBS)
    if whose is None:
        return []
    return [Claim(whose[0], f"verb:{base_form(words[at])}", whose[1], value(words[at + 2 :]))]


_BEFORE_VERBS = AUX | (ADVERBS - LIGHT)
_PARTED = frozenset(verb.partition("_")[0] for verb in VERBS if "_" in verb)
"""First words of verbs of two words."""


def _verb_at(words: Words) -> int | None:
    """Where the verb, or what belongs to it, begins."""
    owned = words[0] in _OWNERSHIP or "'s" in words[:4] or "of" in words[1:5]
    for at, word in enumerate(words[:10]):
        if not at:
            continue
        if word in _BEFORE_VERBS:
            return at
        if word in VERBS or (word in _PARTED and f"{word}_{word_at(words, at + 1)}" in VERBS):
            # `Ana's work phone`, `the start of X`: a noun where the phrase is not over
            if owned and (word in NOUNS or word in ("work", "start", "report", "lead", "train")):
                continue
            return at
    return None


def _verb(words: Words, raw: Words, at: int) -> tuple[str, Words, Words, bool]:
    """The main verb (empty where it is `to be`), what follows it, and whether it stands by `be`."""
    linked = False
    have = ""
    while at < len(words) and (words[at] in AUX or words[at] in ADVERBS):
        linked = linked or words[at] in BE
        have = words[at] if words[at] in ("has", "have", "had") else have
        at += 1
    verb = word_at(words, at)
    if verb in _STOPPING and word_at(words, at + 1).endswith("ing"):
        at += 1
        verb = word_at(words, at)
    if verb in ("got", "gets", "get", "getting") and word_at(words, at + 1) in SENSES:
        at, linked = at + 1, True  # got married, got promoted
        verb = words[at]
    joined = f"{verb}_{word_at(words, at + 1)}"
    if joined in VERBS:
        return joined, words[at + 2 :], raw[at + 2 :], linked
    if verb in VERBS:
        at += 1
        while word_at(words, at) in PARTICLES:
            at += 1
        return verb, words[at:], raw[at:], linked
    return "" if linked else have, words[at:], raw[at:], linked


def _possessed(words: Words, at: int, voice: str, subject: str) -> list[Claim]:
    """`Ana's tutor is Leo`, `the tutor of Ana is now Leo`, `my tutor changed to Leo`."""
    phrase = words[:at]
    split = _whose(phrase, voice, subject)
    if split is None:
        return []
    (who, qualifier), phrase = split
    named = noun(phrase)
    verb, rest, _, linked = _verb(words, words, at)
    if named is None or (verb and verb not in TURNING | LEAVING and not linked):
        return []
    if not linked and not verb:
        return []
    new = after(rest, TO) if verb in TURNING else value(rest)
    ended = verb in LEAVING or ("no" in words[at:] and "longer" in words)
    joined = " ".join(filter(None, (qualifier, named.qualifier)))
    old = named.value or (value(rest) if ended else after(rest, FROM))
    return [Claim(who, named.attribute, joined, "" if ended else new or value(rest), old)]


def _whose(phrase: Words, voice: str, subject: str) -> tuple[tuple[str, str], Words] | None:
    """A possessive phrase as whose it is and what: the subject with its qualifier, the rest."""
    phrase = list(phrase)
    if "'s" in phrase:
        cut = len(phrase) - 1 - phrase[::-1].index("'s")
        whose = owner(phrase[:cut], voice, subject)
        return None if whose is None else (whose, phrase[cut + 1 :])
    if phrase[:1] and phrase[0] in _OWNERSHIP:
        return (voice, ""), phrase[1:]
    if phrase[:1] and phrase[0] in ("his", "her", "their") and subject:
        return (subject, ""), phrase[1:]
    if "of" in phrase and len(phrase) > 2:
        cut = phrase.index("of")
        tail = phrase[cut + 1 :]
        stop = next((n for n, word in enumerate(tail) if word in PREPOSITIONS), len(tail))
        whose = owner(tail[:stop], voice, subject)
        return None if whose is None else (whose, phrase[:cut] + list(tail[stop + 1 :]))
    return None


def _role_of(words: Words, at: int, voice: str, subject: str) -> Iterator[Claim]:
    """`Leo became Ana's tutor`, `Leo took over as tutor of Ana`."""
    if not NOBODY.isdisjoint(words[:at]):
        return
    behind = list(words[at:])
    for n in reversed(range(len(behind))):
        if behind[n] in BE or behind[n] == "as":
            phrase = [word for word in behind[n + 1 :] if word not in ADVERBS]
            split = _whose(phrase, voice, subject)
            if split is None or len(phrase) > 7 or split[0][0] in NOUNS:
                return
            named = noun(split[1])
            if named is None or (split[0][1] and named.qualifier):
                return
            ended = "longer" in behind or "stopped" in behind or "stepped" in behind
            new = value(words[:at])
            yield Claim(
                split[0][0],
                named.attribute,
                split[0][1] or named.qualifier,
                "" if ended else new,
                new if ended else "",
            )
            return


def _called(words: Words, voice: str, subject: str) -> Iterator[Claim]:
    """`call Ana on 5`."""
    for at, word in enumerate(words[:5]):
        if word in ("on", "at", "under"):
            whose = owner(words[1:at], voice, subject)
            if whose is not None:
                yield Claim(whose[0], "phone", whose[1], value(words[at + 1 :]))
            return
