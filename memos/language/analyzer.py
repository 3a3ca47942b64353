"""Text to index terms: tokens, stems, and their keyed hashes.

The same analysis serves texts and queries. Words are stemmed by the rules of their language; stop
words are indexed under terms of their own, which only a query made of nothing else asks for, and
count for nothing in a text's length.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from threading import Lock
from typing import NamedTuple

import Stemmer

from memos.language.english.language import ENGLISH
from memos.language.indexed_text import IndexedText
from memos.language.port import Language
from memos.language.tokens import Tokenizer, Tokens

LANGUAGE = ENGLISH
"""The language of texts and queries. This is the one place that decides it."""

_CACHED_TOKENS = 100_000
_LONGEST_CACHED = 40  # characters; longer tokens are data, not words, and neither stemmed nor kept


class QueryTerm(NamedTuple):
    """One distinct term of a query: as first written (folded), its hash, how often it occurs."""

    surface: str
    term: int
    qtf: int


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

    def query_terms(self, text: str) -> list[QueryTerm]:
        """Distinct terms of a query in order; its stop words only where it has nothing else."""
        words = self.words(text)
        ranked = [word for word in words if word not in self._stops]
        pairs = [(word, self.word_term(word)) for word in ranked or words]
        counts = Counter(term for _, term in pairs)
        surfaces = {term: word for word, term in reversed(pairs)}
        return [QueryTerm(surfaces[term], term, count) for term, count in counts.items()]

    def word_term(self, word: str) -> int:
        """The term of one folded word, which may be a stop word."""
        return self._stops.get(word) or self._term(word)

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

    def _hash(self, value: str) -> int:
        keyed = self._keyed.copy()
        keyed.update(value.encode("utf-8", "surrogatepass"))
        return int.from_bytes(keyed.digest(), "little", signed=True)
