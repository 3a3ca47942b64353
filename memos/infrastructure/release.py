"""Which release of MemOS this is, and what it is called where packages are installed from."""

from __future__ import annotations

RELEASE = "0.1.0"
"""`pyproject.toml` reads it here: to ask the installed package takes ten times as long."""

RELEASE_LINE = f"memos {RELEASE}\n"
"""What the program says of itself."""

DISTRIBUTION = "memos-ledger"
"""What `pip` knows MemOS by; it is imported as `memos`."""


def pip_install(extra: str) -> str:
    """The command that installs what an extra brings."""
    return f"pip install '{DISTRIBUTION}[{extra}]'"
