"""Claude's memory tool on a vault: `MemoryTool` for `anthropic.Anthropic`, `AsyncMemoryTool` for the other."""

from memos.interface.compat.claude_memory_tool.tool import AsyncMemoryTool, MemoryTool

__all__ = ["AsyncMemoryTool", "MemoryTool"]
