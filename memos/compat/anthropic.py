"""Claude's memory tool on a vault: `MemoryTool` for `anthropic.Anthropic`, `AsyncMemoryTool` for the other."""

try:
    import anthropic.lib.tools  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "memos.compat.anthropic stands behind Claude's memory tool, whose library is not installed: "
        "`pip install anthropic`",
        name=error.name,
    ) from None

from memos.interface.compat.claude_memory_tool.tool import AsyncMemoryTool, MemoryTool

__all__ = ["AsyncMemoryTool", "MemoryTool"]
