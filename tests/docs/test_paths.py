"""Pages name files that are there, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page.relative_to(ROOT).as_posix()
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
]
ARCHITECTURE = ["README.md", "CONTRIBUTING.md", "docs/life-of-a-write.md", "docs/retrieval.md"]
"""Pages that say where things are."""
ROOMS = ("memos", "memos/infrastructure", "memos/language", "memos/operation/search", "")
"""Where a page's short names begin."""

CODE = re.compile(r"`([^`\s]+)`")
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
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


def anchors(page: Path) -> set[str]:
    """What a link may name within a page: its headings, as they are written in links."""
    headings = HEADING.findall(page.read_text("utf-8"))
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings
    }


def broken(page: Path) -> list[str]:
    """The links of a page that lead nowhere."""
    found = []
    for link in LINK.finditer(page.read_text("utf-8")):
        target = page.parent / link[1] if link[1] else page
        is_page = target.suffix == ".md" and target.exists()
        if not target.exists() or (link[2] and is_page and link[2] not in anchors(target)):
            found.append(link[0])
    return found


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_files_that_are_there(page: str) -> None:
    named = [code for code in CODE.findall((ROOT / page).read_text("utf-8")) if is_path(code)]
    assert [path for code in named for path in alternatives(code) if not is_there(path)] == []
    assert named or page not in ARCHITECTURE


@pytest.mark.parametrize("page", PAGES)
def test_a_link_leads_to_a_page_and_to_a_heading_of_it(page: str) -> None:
    assert broken(ROOT / page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A title, here\n[a](#a-title-here) [b](#none) [c](none.md) [d](https://x.y)\n"
    )
    assert broken(page) == ["](#none)", "](none.md)"]


def test_a_file_that_is_gone_is_found_missing() -> None:
    assert is_path("memos/infrastructure/engine/embedded.py")
    assert not is_there("memos/infrastructure/engine/embedded.py")
    assert alternatives("infrastructure/{log,vault}/port") == [
        "infrastructure/log/port",
        "infrastructure/vault/port",
    ]


def test_every_page_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    pages = [page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").glob("*.md")]
    assert [page for page in sorted(pages) if f"({page})" not in readme] == []
