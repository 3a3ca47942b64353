"""Memories behind the interfaces of other libraries, under the paths that programs import.

`memos.compat.langgraph`, `memos.compat.openai_agents` and `memos.compat.mem0`: each imports its library, where it
needs one, when it is imported itself.
"""
