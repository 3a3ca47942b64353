"""LangGraph's store on a vault: `MemosStore`."""

try:
    from memos.interface.compat.langgraph.store import MemosStore
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"memos.compat.langgraph stands behind LangGraph's store, and {error.name} is not installed: "
        "`pip install langgraph-checkpoint`",
        name=error.name,
    ) from error

__all__ = ["MemosStore"]
