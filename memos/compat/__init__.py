"""Memories behind the interfaces of other libraries, under the paths that programs import.

`memos.compat.langgraph`, `memos.compat.openai_agents`, `memos.compat.mem0` and `memos.compat.anthropic`: each
imports its library, where it needs one, when it is imported itself.
"""
