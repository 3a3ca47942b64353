"""Memories behind the interfaces of other libraries: LangGraph, OpenAI Agents, mem0, Anthropic."""
