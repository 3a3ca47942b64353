"""Shell completion."""

from __future__ import annotations

COMPLETE = "_MEMOS_COMPLETE"
"""The variable by which a shell asks what a command line may go on with."""
