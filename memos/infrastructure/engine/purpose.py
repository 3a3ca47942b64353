"""What a vault is opened for."""

from __future__ import annotations

from enum import Enum, auto


class Purpose(Enum):
    """What a vault is opened for: it decides what may be missing."""

    USE = auto()
    MAKE = auto()
    """What is missing of it is made first."""
    RECEIVE = auto()
    """Another vault is moved in here. Nobody else may open it meanwhile: a worker would append once
    more what follows from its events.
    """
    LEAVE = auto()
    """It is moved away, also where somebody added partitions to its topics: then workers refuse to
    start.
    """
    REBUILD = auto()
    """Its projections are folded again, also where they are lost."""
    REBUILD_WITH_LOSS = auto()
    """As REBUILD, from the topics that are there now, whatever was folded before."""
