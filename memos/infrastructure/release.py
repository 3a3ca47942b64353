"""Which release of MemOS this is."""

from __future__ import annotations

from importlib.metadata import version

RELEASE = version("memos")
