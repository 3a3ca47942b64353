"""What starting, reaching and stopping a local server raises."""

from __future__ import annotations

from memos.kernel.errors import MemosError


class EngineError(MemosError):
    """A local server cannot be fetched, started, reached or stopped; the message quotes its log."""


class MissingTool(EngineError):
    """This machine lacks a program that a local server needs."""
