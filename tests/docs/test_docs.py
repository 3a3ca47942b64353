"""Runs the documentation: every ```python block of a page, in order, in one namespace.

A block that cannot run here stands directly after `<!-- not run: the reason -->`.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    page.relative_to(ROOT).as_posix()
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
]
NOT_RUN = re.compile(r"<!--\s*not run\b(?::\s*(?P<reason>\S.*?))?\s*-->\s*\Z", re.DOTALL)


def run_page(page: Path) -> int:
    """Run the page's blocks in the working directory; return how many ran."""
    document = Sybil(parsers=[PythonCodeBlockParser()], encoding="utf-8").parse(page)
    ran = 0
    for example in document.examples():
        before = NOT_RUN.search(document.text, 0, example.region.start)
        if before is None:
            example.evaluate()
            ran += 1
        elif before["reason"] is None:
            raise ValueError(f"{page}:{example.line}: `not run` gives no reason")
    return ran


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_run_as_they_stand(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run_page(ROOT / page)


def write_page(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text, "utf-8")
    return page


def test_blocks_share_one_namespace_and_run_in_order(tmp_path: Path) -> None:
    page = write_page(
        tmp_path,
        "```python\nn = 1\n```\ntext\n```python\nassert n == 1\n```\n```console\n$ false\n```\n",
    )
    assert run_page(page) == 2


def test_a_block_that_fails_is_told_by_its_line(tmp_path: Path) -> None:
    page = write_page(tmp_path, "# Title\n\n```python\nassert 1 == 1\nassert 1 == 2\n```\n")
    with pytest.raises(AssertionError) as raised:
        run_page(page)
    assert raised.traceback[-1].lineno + 1 == 5


def test_a_block_after_a_reason_is_not_run(tmp_path: Path) -> None:
    page = write_page(
        tmp_path, "<!-- not run: needs a GPU -->\n```python\n1 / 0\n```\n\n```python\nn = 1\n```\n"
    )
    assert run_page(page) == 1


def test_a_block_is_not_skipped_without_a_reason(tmp_path: Path) -> None:
    page = write_page(tmp_path, "<!-- not run -->\n\n```python\n1 / 0\n```\n")
    with pytest.raises(ValueError, match=r"page\.md:3: `not run` gives no reason"):
        run_page(page)
