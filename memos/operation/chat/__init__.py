"""Answering from memories: their context, a model, and what is kept of it."""
