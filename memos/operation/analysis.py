"""The analysis of texts under a tenant's key: the engines are handed it, so that they need not know
how a text becomes terms.
"""

from __future__ import annotations

from functools import lru_cache

from memos.infrastructure.index.port import IndexedText
from memos.infrastructure.index.projection import Readable
from memos.infrastructure.keys.envelope import keyed_digest
from memos.operation.search.analyzer import Analyzer
from memos.operation.search.indexed_text import index_memory


@lru_cache(maxsize=1024)
def analyzer(tenant_key: bytes) -> Analyzer:
    """The analyzer whose terms only this tenant's key holder can make."""
    return Analyzer(keyed_digest(tenant_key, b"terms", b""))


def analyse(tenant_key: bytes, memory: Readable) -> IndexedText:
    """What the index keeps of a memory."""
    return index_memory(analyzer(tenant_key), memory)
