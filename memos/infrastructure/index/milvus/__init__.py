"""The vectors of the distributed engine, in Milvus: spans of visibility, searched exactly filtered.

Milvus is a projection that may lag: it picks candidates and holds vectors. Order comes from vectors
that the reader compares itself, and what may be shown is for the vault to say.
"""

from __future__ import annotations

from memos.infrastructure.index.milvus.audit import Inventory, inventory
from memos.infrastructure.index.milvus.connection import Capabilities, Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.index.milvus.rotation import Rotations
from memos.infrastructure.index.milvus.search import Candidate, Nearness, VectorSearch
from memos.infrastructure.index.milvus.settings import MilvusSettings
from memos.infrastructure.index.milvus.spans import VectorSpan
from memos.infrastructure.index.milvus.writer import VectorWriter, Written

__all__ = [
    "Candidate",
    "Capabilities",
    "Generations",
    "Inventory",
    "Milvus",
    "MilvusSettings",
    "Nearness",
    "Rotations",
    "VectorSearch",
    "VectorSpan",
    "VectorWriter",
    "Written",
    "inventory",
]
