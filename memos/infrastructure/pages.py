"""Where the pages are that messages point to: in the package where that was installed from a wheel,
beside it in a checkout.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def page(name: str) -> str:
    """The path of a page of the documentation, such as `operations.md`."""
    installed = _PACKAGE / "docs" / name
    return str(installed if installed.exists() else _PACKAGE.parent / "docs" / name)
