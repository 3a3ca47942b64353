"""mem0's SDK on a vault: `Memory` and `AsyncMemory`. It needs no mem0ai."""

from memos.interface.compat.mem0.async_memory import AsyncMemory
from memos.interface.compat.mem0.memory import Memory

__all__ = ["AsyncMemory", "Memory"]
