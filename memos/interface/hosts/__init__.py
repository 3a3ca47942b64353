"""Agents that remember by hooks: what they recall before a prompt, and retain after it."""
