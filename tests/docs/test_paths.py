"""Pages name files that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", "docs/life-of-a-write.md", "docs/retrieval.md"]
ROOMS = ("memos", "memos/infrastructure", "memos/language", "memos/operation/search", "")
"""Where a page's short names begin."""

CODE = re.compile(r"`([^`\s]+)`")
BRACES = re.compile(r"\{([^}]+)\}")


def is_path(code: str) -> bool:
    return (
        re.fullmatch(r"[\w/{},.-]+", code) is not None
        and (
            code.endswith((".py", "/"))
            or re.match(r"(memos|streams|tests|kernel|operation)/", code)
        )
        is not None
    )


def alternatives(path: str) -> list[str]:
    """The paths that braces stand for."""
    braces = BRACES.search(path)
    if braces is None:
        return [path]
    return [
        whole
        for part in braces[1].split(",")
        for whole in alternatives(path[: braces.start()] + part + path[braces.end() :])
    ]


def is_there(path: str) -> bool:
    places = [ROOT / room / path for room in ROOMS]
    return any(place.exists() or place.with_suffix(".py").exists() for place in places)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_files_that_are_there(page: str) -> None:
    named = [code for code in CODE.findall((ROOT / page).read_text("utf-8")) if is_path(code)]
    assert named
    assert [path for code in named for path in alternatives(code) if not is_there(path)] == []


def test_a_file_that_is_gone_is_found_missing() -> None:
    assert is_path("memos/infrastructure/engine/embedded.py")
    assert not is_there("memos/infrastructure/engine/embedded.py")
    assert alternatives("infrastructure/{log,vault}/port") == [
        "infrastructure/log/port",
        "infrastructure/vault/port",
    ]
