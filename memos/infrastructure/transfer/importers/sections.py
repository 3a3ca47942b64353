"""A note's sections: what stands under each heading, cut where it is long between two blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from memos.infrastructure.transfer.importers.note_parts import (
    MAX_TOKENS,
    NotePiece,
    parts_of,
    token_count,
)

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_LINK = re.compile(r"\[\[([^\[\]|]+)(?:\|[^\[\]]*)?\]\]")
_CODE = frozenset({"fence", "code_block"})
_WHOLE = _CODE | {"table_open", "html_block"}
_LISTS = frozenset({"bullet_list_open", "ordered_list_open"})


class Block(NamedTuple):
    """A run of lines, by the first and the one behind the last; `is_whole` says that it is not cut."""

    start: int
    end: int
    is_code: bool = False
    is_whole: bool = False


class SectionPart(NamedTuple):
    """A section's text or, of a long one, a part of it; and the notes that it names in double brackets."""

    text: str
    links: tuple[str, ...] = ()


class Section(NamedTuple):
    """What stands under a heading, or before the first one.

    Attributes:
        headings: the headings above it, outermost first.
        line: the number of its heading's line, from 0; 0 before the first heading.
        parts: its text, in one part or several; none where it is a heading alone.
    """

    headings: tuple[str, ...]
    line: int
    parts: tuple[SectionPart, ...]


def sections(text: str) -> Iterator[Section]:
    """The sections of a note in order; what stands before the first heading only where it says
    something.
    """
    lines = text.split("\n")
    above: list[tuple[int, str]] = []
    blocks: list[Block] = []
    heading = _Heading(0, "", 0, 0)
    for found in (*_blocks(text, lines), _Heading(0, "", len(lines), len(lines))):
        if isinstance(found, Block):
            blocks.append(found)
            continue
        whole = _whole(lines, blocks, heading.end, found.line)
        if above or whole:
            titles = tuple(title for _, title in above)
            yield Section(titles, heading.line, tuple(_parts(lines, whole)))
        above = [*(held for held in above if held[0] < found.level), (found.level, found.title)]
        blocks, heading = [], found


def _whole(lines: Sequence[str], blocks: Sequence[Block], start: int, end: int) -> list[Block]:
    """Blocks that are all lines of a section: with what the parser keeps for itself, such as the
    targets of links.
    """
    if not blocks:
        return [Block(start, end)] if _text(lines, start, end) else []
    starts = [start, *(block.start for block in blocks[1:]), end]
    return [
        block._replace(start=first, end=last)
        for block, (first, last) in zip(blocks, pairwise(starts), strict=True)
    ]


class _Heading(NamedTuple):
    level: int
    title: str
    line: int
    end: int


@cache
def _parser() -> MarkdownIt:
    """A parser of blocks alone: what is inside a paragraph stays as it was written."""
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table")
    parser.core.ruler.enableOnly(["normalize", "block"])
    return parser


def _blocks(text: str, lines: Sequence[str]) -> Iterator[Block | _Heading]:
    tokens = _parser().parse(text)
    for at, token in enumerate(tokens):
        if token.level or token.map is None or token.nesting < 0:
            continue
        start, end = token.map
        if token.type == "heading_open":
            yield _Heading(int(token.tag[1:]), tokens[at + 1].content.strip(), start, end)
        elif token.type in _LISTS and token_count(_text(lines, start, end)) > MAX_TOKENS:
            yield from _entries(tokens, at)
        else:
            yield Block(start, end, token.type in _CODE, token.type in _WHOLE)


def _entries(tokens: Sequence[Token], at: int) -> Iterator[Block]:
    """The entries of a long list."""
    for token in tokens[at + 1 :]:
        if not token.level:
            return
        if token.level == 1 and token.type == "list_item_open" and token.map is not None:
            yield Block(token.map[0], token.map[1])


def _parts(lines: Sequence[str], blocks: Sequence[Block]) -> Iterator[SectionPart]:
    """The text of some blocks, in parts where it is long."""
    pieces = (
        NotePiece("\n".join((*lines[block.start : block.end], "")), block.is_whole, block.is_code)
        for block in blocks
    )
    for part in parts_of(pieces):
        links = (link for piece in part if not piece.is_code for link in links_of(piece.text))
        text = "".join(piece.text for piece in part).strip("\n").rstrip()
        yield SectionPart(text, tuple(dict.fromkeys(links)))


def _text(lines: Sequence[str], start: int, end: int) -> str:
    return "\n".join(lines[start:end]).strip("\n").rstrip()


def links_of(text: str) -> list[str]:
    """The notes that a text names in double brackets, with the heading where one is named."""
    return [name.strip() for name in _LINK.findall(text) if name.strip()]
