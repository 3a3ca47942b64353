"""MemOS: the memory store of AI agents. Every memory operation is an event."""

import lazy_loader

# A worker, and a command in the terminal, needs few of the names: each is imported when asked for.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
