"""What a verb and the words behind it say of a subject."""

from __future__ import annotations

from collections.abc import Iterator

from memos.language.english.slot_phrases import Words, noun, owner, value
from memos.language.english.slot_words import (
    ADVERBS,
    DENTAL,
    DETERMINERS,
    HAVING,
    LEAVING,
    LIGHT,
    LIKING,
    NOUNS,
    PARTICLES,
    PREFERRING,
    PREPOSITIONS,
    SENSES,
    TAKING_OVER,
    TURNING,
    TYPE_NOUNS,
    word_set,
)
from memos.language.port import ANY_FAVOURITE, Claim

_PLACES = word_set("flat house apartment city town village country place suburb")
FROM = frozenset(["from"])
TO = frozenset(["to", "into", "for", "by", "with"])
_TYPED = LEAVING | TURNING | HAVING | frozenset(SENSES)


def word_at(words: Words, at: int) -> str:
    """The word at a place; empty behind the end."""
    return words[at] if at < len(words) else ""


def roles(whose: tuple[str, str], verb: str, words: Words, at: int) -> Iterator[Claim]:
    """`Ana chose Leo as her tutor`; `Leo took over Kestrel as lead` is of Kestrel as well."""
    behind = list(words[at:])
    if "as" not in behind or not verb:
        return
    cut = len(behind) - 1 - behind[::-1].index("as")
    phrase = behind[cut + 1 :]
    if verb in ("work", "works", "worked", "working", "promoted") or len(phrase) > 5:
        return
    stop = next((n for n, word in enumerate(phrase) if word in PREPOSITIONS), len(phrase))
    named = noun(phrase[:stop])
    if named is None or "'s" in phrase or "of" in phrase or "my" in phrase[1:]:
        return
    between = behind[1:cut]
    attribute = named.attribute
    if verb in PREFERRING and not attribute.startswith(ANY_FAVOURITE):
        attribute = f"{ANY_FAVOURITE}{attribute}"
    if verb in TAKING_OVER:
        target = owner([word for word in between if word not in PARTICLES], whose[0], whose[0])
        if target is not None and target != whose:
            yield Claim(target[0], attribute, named.qualifier, whose[0])
    new = after(between, TO) or value([word for word in between if word not in PREPOSITIONS])
    yield Claim(whose[0], attribute, whose[1] or named.qualifier, new, after(between, FROM))


def senses(
    whose: tuple[str, str], verb: str, rest: Words, raw: Words, linked: bool
) -> Iterator[Claim]:
    """What the verb tells: `moved to Oslo`, `reports to Leo`, `is due on Friday`."""
    for preps, attribute in SENSES.get(verb, ()):
        if ">" in preps:
            target = owner(rest[:3], whose[0]) if not linked else None
            if target is not None:
                yield Claim(target[0], attribute, target[1], whose[0])
            continue
        at = _place_of(preps, rest, linked)
        if at is None:
            continue
        moves = attribute == "residence" and verb[:3] in ("mov", "rel")
        if moves and (rest[0] not in PREPOSITIONS or not _is_place(raw[at:])):
            continue
        new = value(rest[at:]) if at < len(rest) else verb
        yield Claim(whose[0], attribute, whose[1], new, after(rest, FROM))
        return


def _place_of(preps: frozenset[str], rest: Words, linked: bool) -> int | None:
    """Where the value begins behind a verb with these prepositions; None where they do not fit."""
    first = word_at(rest, 0)
    if "*" in preps:
        return 0
    if "to_work" in preps:
        return 2 if list(rest[:2]) == ["to", "work"] else None
    if "." in preps and linked and (not rest or first in PREPOSITIONS | ADVERBS):
        return 1 if first in preps else len(rest)
    if "-" in preps and rest and first not in PREPOSITIONS and not linked:
        return 0
    if "#" in preps and first.isdigit() and len(first) < 4:
        return 0
    for at, word in enumerate(rest[:4]):
        if word in preps:
            return at + 1
        if word in PREPOSITIONS and word != "from":
            return None
    if "from" in rest[:1]:  # from A to B
        return next((n + 1 for n, word in enumerate(rest[:8]) if word in preps), None)
    return None


def _is_place(raw: Words) -> bool:
    """Whether a value looks like somewhere to live: a name, or a word for a home or a town."""
    return bool(raw) and (raw[0][:1].isupper() or not _PLACES.isdisjoint(raw[:5]))


def typed(
    whose: tuple[str, str], verb: str, rest: Words, raw: Words, linked: bool, claimed: set[str]
) -> Iterator[Claim]:
    """A noun in what is had or changed says which slot it is: `a vegan diet`, `the old number`."""
    if not (verb in _TYPED or (linked and not verb)):
        return
    if linked and not verb and list(rest[1:3]) in (["years", "old"], ["year", "old"]):
        yield Claim(whose[0], "age", whose[1], rest[0])
        return
    for at, word in enumerate(rest[:10]):
        attribute = _kind(word, raw[at])
        if attribute is None or (linked and not verb and word_at(rest, 0) not in ("on", "at", "a")):
            continue
        if "'s" in rest[:at] or ("of" in rest[:at] and "member" not in rest[:at]):
            return
        at_whom = word == "job" and not {"at", "with"}.isdisjoint(rest[at + 1 : at + 3])
        if at_whom and "employer" not in claimed:
            yield Claim(whose[0], "employer", whose[1], after(rest[at:], frozenset(["at"])))
        qualifier = whose[1] or _between(rest, at)
        if attribute not in claimed:
            old = value(rest) if verb in LEAVING else after(rest, FROM)
            new = value(_behind(rest, at))
            yield Claim(whose[0], attribute, qualifier, "" if new == old else new, old)
            claimed = {*claimed, attribute}
    if not claimed and verb in _TYPED:
        yield from _new_one(whose, rest)


def _kind(word: str, raw: str) -> str | None:
    """What a noun is the kind of; none where it is part of a name (`Tern Bank`)."""
    if raw[:1].isupper():
        return None
    return NOUNS[word] if word in TYPE_NOUNS else DENTAL.get(word)


def _new_one(whose: tuple[str, str], rest: Words) -> Iterator[Claim]:
    """`found a new landlord`: a noun that no list knows names what changed."""
    if list(rest[:2]) not in (["a", "new"], ["my", "new"]):
        return
    named = noun(rest[2:3]) if len(rest) < 4 or rest[3] in PREPOSITIONS else None
    if named is not None:
        yield Claim(whose[0], named.attribute, whose[1], value(rest[4:]))


def _behind(rest: Words, at: int) -> Words:
    """The value that a noun of its kind stands with: `port 8080`, `a vegan diet`."""
    if at > 1 and rest[at - 2] in ("a", "an") and rest[at - 1] not in LIGHT:
        return rest[at - 1 : at + 1]
    return rest[at + 2 :] if word_at(rest, at + 1) in TYPE_NOUNS else rest[at + 1 :]


def _between(rest: Words, at: int) -> str:
    """The qualifier of a noun behind `the` or a possessive; `a vegan diet` has none."""
    start = at
    while start and rest[start - 1] not in DETERMINERS | PREPOSITIONS and at - start < 3:
        start -= 1
    if not start or rest[start - 1] not in DETERMINERS - {"a", "an"}:
        return ""
    return " ".join(word for word in rest[start:at] if word not in LIGHT)


def likings(whose: tuple[str, str], verb: str, rest: Words) -> Iterator[Claim]:
    """`likes pierogi best of all dishes`: a favourite, of which kind where it is said."""
    best = next((n for n, word in enumerate(rest) if word in ("best", "most")), None)
    if verb in LIKING and best:
        kind = list(rest[best + 1 :])
        name = kind[-1] if kind[:1] == ["of"] else ""
        yield Claim(whose[0], f"{ANY_FAVOURITE}{singular(name)}", whose[1], value(rest[:best]))


def singular(word: str) -> str:
    """The singular of a regular plural."""
    if word.endswith("ies"):
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def change_of(whose: tuple[str, str], verb: str, rest: Words, negated: bool) -> Claim:
    """A change that does not say of what: `left A for B`, `went back to B`, `stopped A`."""
    if verb in LEAVING:
        stop = next((n for n, word in enumerate(rest) if word in TO), len(rest))
        old, new = value(rest[:stop]), value(rest[stop + 1 :])
    else:
        old, new = after(rest, FROM), after(rest, TO)
        if negated or not (old or new):
            plain = value([word for word in rest if word not in PREPOSITIONS])
            old, new = (plain, "") if negated else (old, plain)
    return Claim(whose[0], "", whose[1], new, old)


def after(words: Words, preps: frozenset[str]) -> str:
    """The value behind the first of these prepositions, up to the next preposition."""
    for at, word in enumerate(words):
        if word in preps:
            rest = words[at + 1 :]
            stop = next((n for n, word in enumerate(rest) if n and word in PREPOSITIONS), len(rest))
            return value(rest[:stop])
    return ""
