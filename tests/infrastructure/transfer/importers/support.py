"""The fixtures of the importers: small files, written for this, in the shapes that programs write."""

from __future__ import annotations

import json
import zipfile
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from memos.infrastructure.transfer.importers import Item, Parsed, parse_file

FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "imports"


def parsed(name: str, zone: tzinfo = UTC) -> tuple[str, Parsed]:
    return parse_file(FIXTURES / name, "auto", zone)


def said(items: list[Item]) -> list[tuple[str, str]]:
    """Who speaks, and what."""
    return [(str(item.fields["metadata"].get("role", "")), item.fields["text"]) for item in items]


def written(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def parse(path: Path, value: Any, form: str = "auto") -> tuple[str, Parsed]:
    return parse_file(written(path, value), form)


def zipped(path: Path, **members: str) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("__", "."), text)
    return path
