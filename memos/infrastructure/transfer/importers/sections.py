"""A note's sections: what stands under each heading, cut where it is long between two blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MAX_TOKENS = 500
"""About how many tokens a memory made of a section has at most; a block that has more stays whole."""

_TOKEN = re.compile(r"[A-Za-z]{1,6}|[0-9]{1,3}|[^\sA-Za-z0-9]")
_LINK = re.compile(r"\[\[([^\[\]|]+)(?:\|[^\[\]]*)?\]\]")
_CODE = frozenset({"fence", "code_block"})
_LISTS = frozenset({"bullet_list_open", "ordered_list_open"})


class Block(NamedTuple):
    """A run of lines that stays whole: the first, and the one behind the last."""

    start: int
    end: int
    is_code: bool = False


class Section(NamedTuple):
    """What stands under a heading, or before the first one.

    Attributes:
        headings: the headings above it, outermost first.
        line: the number of its heading's line, from 0; 0 before the first heading.
        parts: its text, in one part or several; none where it is a heading alone.
        links: the notes that it names in double brackets.
    """

    headings: tuple[str, ...]
    line: int
    parts: tuple[str, ...]
    links: tuple[str, ...]


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
            links = _links(lines, whole)
            yield Section(titles, heading.line, tuple(_parts(lines, whole)), links)
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
        Block(first, last, block.is_code)
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
        elif token.type in _LISTS and _tokens(_text(lines, start, end)) > MAX_TOKENS:
            yield from _entries(tokens, at)
        else:
            yield Block(start, end, token.type in _CODE)


def _entries(tokens: Sequence[Token], at: int) -> Iterator[Block]:
    """The entries of a long list."""
    for token in tokens[at + 1 :]:
        if not token.level:
            return
        if token.level == 1 and token.type == "list_item_open" and token.map is not None:
            yield Block(token.map[0], token.map[1])


def _parts(lines: Sequence[str], blocks: Sequence[Block]) -> Iterator[str]:
    """The text of some blocks, in parts of not much more than MAX_TOKENS."""
    start = end = total = 0
    for block in blocks:
        size = _tokens(_text(lines, block.start, block.end))
        if total and total + size > MAX_TOKENS:
            yield _text(lines, start, end)
            total = 0
        if not total:
            start = block.start
        end = block.end
        total += size
    if total:
        yield _text(lines, start, end)


def _text(lines: Sequence[str], start: int, end: int) -> str:
    return "\n".join(lines[start:end]).strip("\n").rstrip()


def _tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    return sum(1 for _ in _TOKEN.finditer(text))


def _links(lines: Sequence[str], blocks: Sequence[Block]) -> tuple[str, ...]:
    texts = (_text(lines, block.start, block.end) for block in blocks if not block.is_code)
    return tuple(dict.fromkeys(link for text in texts for link in links_of(text)))


def links_of(text: str) -> list[str]:
    """The notes that a text names in double brackets, with the heading where one is named."""
    return [name.strip() for name in _LINK.findall(text) if name.strip()]
