"""On whose behalf a call is made where nobody says it."""

from __future__ import annotations

DEFAULT_ACTOR = "user:local"
