"""Memories behind HTTP: routes, thin onto `AsyncMemory`, and what guards them."""
