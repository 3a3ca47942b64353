"""Facts extracted from memories: which texts they are, and what a scope's extractions have read.

A fact is a derived cube beside its memory. Searches leave it out unless it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256

from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.event import as_uuid
from memos.kernel.keyed_digest import keyed_digest
from memos.language.analyzer import LANGUAGE
from memos.operation.cube import MemCube
from memos.operation.plain import plain
from memos.operation.search.rerank import as_read
from memos.operation.search.supersession import claims_of_cube

SEMANTIC_TYPE = "fact"
RECORD_TYPE = "extraction"
RECORD_MEDIA_TYPE = "application/vnd.memos.extraction+json"
SLOTS = "slots@1"

Extractor = Callable[[str], Sequence[str]]
"""A memory as text, `Speaker: text`, to facts as sentences that stand for themselves."""

MOST_FACTS = 100
"""Facts that one memory may give; an extractor that gives more is at fault."""


def facts_of(cube: MemCube, extractor: Extractor | None) -> list[str]:
    """The facts of a memory, each once; by the patterns of slots where no extractor is given.

    Raises:
        InvalidInput: the extractor gave something else than a few texts.
    """
    if extractor is None:
        sentences = (LANGUAGE.sentence_of(claim) for claim in claims_of_cube(cube, LANGUAGE))
        return list(dict.fromkeys(filter(None, sentences)))
    facts = extractor(as_read(cube))
    if not isinstance(facts, (list, tuple)) or not all(isinstance(fact, str) for fact in facts):
        raise InvalidInput(
            f"an extractor gives a list of texts, one a fact, and this one gave {shorten(facts)}"
        )
    if len(facts) > MOST_FACTS:
        raise InvalidInput(
            f"the extractor gave {len(facts)} facts of one memory; {MOST_FACTS} are taken"
        )
    return list(dict.fromkeys(text for fact in facts if (text := plain(fact).strip())))


def name_of(extractor: Extractor | None) -> str:
    """What an extractor is called where the caller gives it no name."""
    if extractor is None:
        return SLOTS
    name = getattr(extractor, "__qualname__", type(extractor).__qualname__)
    return f"{getattr(extractor, '__module__', type(extractor).__module__)}.{name}"


def record_id(tenant_key: bytes, scope: str, extractor: str, number: int) -> bytes:
    """The id of the n-th record of what an extractor has read in a scope; no search is needed."""
    label = f"{scope}\n{extractor}\n{number}".encode()
    return as_uuid(sha256(keyed_digest(tenant_key, b"extraction", label)).digest())


def record_bytes(read: Sequence[tuple[str, int]]) -> bytes:
    """A record as it is stored: the memories read, each at its version."""
    return json.dumps({"read": [list(entry) for entry in read]}, separators=(",", ":")).encode()


def record_entries(payload: bytes) -> set[tuple[str, int]]:
    """What a record says was read; nothing where it is none."""
    try:
        return {(str(cube_id), int(version)) for cube_id, version in json.loads(payload)["read"]}
    except (ValueError, KeyError, TypeError, RecursionError):
        return set()
