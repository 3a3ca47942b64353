"""Text to index terms: tokens, stems, and their keyed hashes.

The same analysis serves texts and queries. Words are stemmed by the rules of their language; stop
words are indexed under terms of their own, which break ties, or are all that is asked for where a
query is made of nothing else; they count for nothing in a text's length. Behind a text's words come
its further terms: their other spellings (`spellings`), and what it says beside them (`signs`).
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from threading import Lock
from typing import NamedTuple

import Stemmer

from memos.language.endings import inflected
from memos.language.english.language import ENGLISH
from memos.language.indexed_text import FURTHER, IndexedText
from memos.language.letters import fold
from memos.language.port import Language
from memos.language.signs import Signs, number_keys, signs_of
from memos.language.slips import near_spellings
from memos.language.spellings import Spelling
from memos.language.tokens import Tokenizer, Tokens

LANGUAGE = ENGLISH
"""The language of texts and queries. This is the one place that decides it."""

_CACHED_TOKENS = 100_000
_LONGEST_CACHED = 40  # characters; longer tokens are data, not words, and neither stemmed nor kept


SPELLING = 0.8
"""What a match in another spelling is worth."""

TIE, TURN = 0.01, 0.1
"""What a stop word counts: little, or more where it turns the meaning, as `off` and `not` do."""

_UNSIGNED = 0.4  # what `C` is worth to who looks for `C++`


class Other(NamedTuple):
    """Another term that a query's word is found by, and what that is worth beside the word itself."""

    term: int
    worth: float


class QueryTerm(NamedTuple):
    """One distinct term of a query: as first written (folded), its hash, how often it occurs.

    A text matches it by the best of the term and the `others`; `weight` is what the match counts.
    """

    surface: str
    term: int
    qtf: int
    others: tuple[Other, ...] = ()
    weight: float = 1.0


class Analyzer:
    """Analyses texts for one tenant; safe to share between threads.

    Args:
        key: secret of at most 64 bytes. A term is the BLAKE2b hash of its stem under it (RFC 7693),
            8 bytes read as a signed integer, so terms of two tenants cannot be compared.
        language: whose words these are.

    Attributes:
        language: the same.
        tokenize: text to its folded words, stop words included, not stemmed.
    """

    def __init__(self, key: bytes, language: Language = LANGUAGE) -> None:
        if not 16 <= len(key) <= hashlib.blake2b.MAX_KEY_SIZE:
            raise ValueError(f"the index key has {len(key)} bytes, not 16 to 64")
        self.language = language
        self.tokenize: Callable[[str], Tokens] = Tokenizer(language.clitics).tokenize
        self._keyed = hashlib.blake2b(key=key, digest_size=8)
        self._spelling = Spelling()
        self._stemmer = Stemmer.Stemmer(language.stemmer, 0)
        self._lock = Lock()  # a stemmer may not be used by two threads at once
        self._terms: dict[str, int] = {}  # token → term, of words that are ranked
        self._stops = {word: self.exact_term("stop", word) for word in language.stop_words}

    def index_terms(self, text: str) -> IndexedText:
        """Terms of a text with their frequencies, and its length without stop words."""
        words, characters = self.tokenize(text)
        cached = self._terms
        stops = self._stops
        terms: dict[int, int] = {}
        skipped = 0
        for token, count in Counter(words).items():
            term = cached.get(token)
            if term is None:
                term = stops.get(token)
                if term is None:
                    term = self._term(token)
                else:
                    skipped += count
            terms[term] = terms.get(term, 0) + count
        for character in characters:
            term = self._term(character)
            terms[term] = terms.get(term, 0) + 1
        return IndexedText(terms, len(words) - skipped)

    def further_terms(self, text: str, indexed: Mapping[int, int]) -> dict[int, int]:
        """Terms of a text that its words do not give, with their frequencies, behind FURTHER; none
        of those that are `indexed`. Empty where there are none, as in most English texts.
        """
        signs = signs_of(text, self._stops)
        further: Counter[int] = Counter()
        if not text.isascii():
            for word, count in Counter(self.words(text)).items():
                same, parts = self._spelling.of(word)
                for spelling in (*same, *parts):
                    further[self._further_term(spelling)] += count
        spelt = [out for _, out in signs.spelt_out]
        for sign in (*signs.words, *signs.signed, *signs.pictures, *spelt):
            further[self._further_term(sign)] += 1
        for number in signs.numbers:
            further.update(self._number_terms(number))
        new = {term: count for term, count in further.items() if term not in indexed}
        return {FURTHER: 0, **new} if new else {}

    def query_terms(self, text: str) -> list[QueryTerm]:
        """Distinct terms of a query in order; its stop words only where it has nothing else."""
        words = self.words(text)
        signs = signs_of(text, self._stops)
        ranked = self._ranked(words, signs)
        if not ranked:
            ranked = [(word, self.word_term(word), ()) for word in words]
        counts = Counter(term for _, term, _ in ranked)
        first = {term: (word, others) for word, term, others in reversed(ranked)}
        return [
            QueryTerm(first[term][0], term, count, first[term][1]) for term, count in counts.items()
        ]

    def tie_terms(self, text: str) -> list[QueryTerm]:
        """Distinct stop words of a query that has other words as well: they decide between equals."""
        words = self.words(text)
        stops = dict.fromkeys(word for word in words if word in self._stops)
        if len(stops) == len(set(words)):
            return []
        turning = self.language.turning_words
        return [
            QueryTerm(word, self._stops[word], 1, (), TURN if word in turning else TIE)
            for word in stops
        ]

    def _ranked(
        self, words: Sequence[str], signs: Signs
    ) -> list[tuple[str, int, tuple[Other, ...]]]:
        """What a query asks for beside its stop words: (surface, term, other terms)."""
        ranked: list[tuple[str, int, tuple[Other, ...]]] = []
        signed = Counter(fold(sign).rstrip("+#-").lstrip(".") for sign in signs.signed)
        for word in words:
            if word in self._stops:
                continue
            if signed[word]:
                signed[word] -= 1
                continue
            same, parts = self._spelling.of(word)
            same += tuple(out for folded, out in signs.spelt_out if folded == word)
            others = tuple(Other(self._further_term(each), SPELLING) for each in same)
            ranked.append((word, self._term(word), others))
            ranked += [(part, self._further_term(part), ()) for part in parts if len(part) > 1]
        for sign in signs.signed:
            bare = fold(sign).rstrip("+#-").lstrip(".")
            others = () if bare in self._stops else (Other(self._term(bare), _UNSIGNED),)
            ranked.append((sign, self._term(sign), others))
        known = set(words)
        ranked += [
            (sign, self._further_term(sign), ())
            for sign in (*signs.words, *signs.pictures)
            if sign not in known or sign in self._stops
        ]
        for number in signs.numbers:
            whole, *tails = self._number_terms(number)
            ranked.append((number, whole, tuple(Other(tail, SPELLING) for tail in tails)))
        return ranked

    def _further_term(self, word: str) -> int:
        """The term of a word that counts as such even where it is written as a stop word."""
        return self.exact_term("word", word) if word in self._stops else self._term(word)

    def _number_terms(self, number: str) -> list[int]:
        return [self.exact_term("number", key) for key in number_keys(number)]

    def word_term(self, word: str) -> int:
        """The term of one folded word, which may be a stop word."""
        return self._stops.get(word) or self._term(word)

    def near_terms(self, word: str) -> dict[int, str]:
        """The terms of the words that a slip of the pen parts from a folded word, and the words."""
        return self._terms_of(near_spellings(word))

    def inflected_terms(self, word: str) -> dict[int, str]:
        """The terms of what may be forms of a folded word, and these."""
        return self._terms_of(inflected(word))

    def _terms_of(self, words: Iterable[str]) -> dict[int, str]:
        near = [each for each in words if each not in self._stops]
        with self._lock:
            words_of = dict(zip(self._stemmer.stemWords(near), near, strict=True))
        return dict(zip(self._hashes(words_of), words_of.values(), strict=True))

    def words(self, text: str) -> list[str]:
        """The folded words of a text, stop words included, not stemmed."""
        return self.tokenize(text).words

    def exact_term(self, field: str, value: str) -> int:
        """A term for a value that is matched whole, such as a tag; never equal to a word's."""
        return self._hash(f"\x01{field}:{value}")

    def _term(self, token: str) -> int:
        """The term of a token that is no stop word, from its stem."""
        term = self._terms.get(token)
        if term is not None:
            return term
        if len(token) > _LONGEST_CACHED:
            return self._hash(token)
        with self._lock:
            stem = self._stemmer.stemWord(token)
        if len(self._terms) >= _CACHED_TOKENS:
            self._terms.clear()
        self._terms[token] = term = self._hash(stem)
        return term

    def _hashes(self, values: Collection[str]) -> tuple[int, ...]:
        """The same as `_hash` of each, for hundreds at once."""
        digests = []
        for value in values:
            keyed = self._keyed.copy()
            keyed.update(value.encode("utf-8", "surrogatepass"))
            digests.append(keyed.digest())
        return struct.unpack(f"<{len(digests)}q", b"".join(digests))

    def _hash(self, value: str) -> int:
        keyed = self._keyed.copy()
        keyed.update(value.encode("utf-8", "surrogatepass"))
        return int.from_bytes(keyed.digest(), "little", signed=True)
