"""The memory provider of Hermes: what its plugin folder has as `__init__.py`."""

from __future__ import annotations

from pathlib import Path

from agent.memory_provider import MemoryProvider, RecallStatus

from memos.interface.hosts.hermes import HermesMemory


class MemosProvider(HermesMemory, MemoryProvider):  # type: ignore[misc] # the host ships no types
    """MemOS, as Hermes asks it."""

    def recall_status(self) -> RecallStatus | None:
        """What the last prefetch put before the model."""
        return RecallStatus("MemOS", self.recalled) if self.recalled else None


def register(context: object) -> None:
    """Have Hermes use it."""
    context.register_memory_provider(MemosProvider(Path(__file__).parent))  # type: ignore[attr-defined]
