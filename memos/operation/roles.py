"""In which role something was said."""

from __future__ import annotations

ROLES = frozenset({"user", "assistant", "system", "tool"})
