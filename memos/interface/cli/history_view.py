"""How the past looks on a terminal: history and diffs in colour, lineage as a tree, the log."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from memos import Change, DamagedChange, Diff, Lineage, LogEntry
from memos.interface.cli.layout import line, value, when
from memos.interface.cli.terminal import Console, clean, one_line

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

_LINE_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def diff(console: Console, difference: Diff) -> None:
    """What changed between two versions."""
    before, after = difference.before, difference.after
    if not difference.text and not difference.fields:
        line(console, (f"versions {before} and {after} are the same", "italic"))
    _diff_lines(console, difference.text)
    for name, (old, new) in difference.fields.items():
        line(console, (f"- {name}: {value(old)}", "red"))
        line(console, (f"+ {name}: {value(new)}", "green"))


def _diff_lines(console: Console, lines: Iterable[str], *, indent: str = "") -> None:
    for text in lines:
        line(console, indent, (clean(text), _LINE_STYLES.get(text[:1], "")))


def history(console: Console, changes: Sequence[Change]) -> None:
    """Every attempt on a memory, and what it changed."""
    version = 0
    text: str | None = ""
    tags: tuple[str, ...] = ()
    state: str | None = None
    for change in changes:
        _title(console, change)
        _said(console, change.entry)
        if change.state is None:
            continue
        if state is not None and change.state != state:
            line(console, "    ", (f"state: {state} → {change.state}", "yellow"))
        if isinstance(change, DamagedChange):
            line(console, "    ", (clean(change.damaged), "red"))
        elif change.text is None and change.version != version:
            line(console, "    ", ("its text was erased", "italic"))
        elif change.text is not None:
            _diff_lines(console, _changed_lines(text or "", change.text), indent="    ")
            _changed_tags(console, tags, change.tags)
        version, text, tags, state = change.version, change.text, change.tags, change.state


def _title(console: Console, change: Change) -> None:
    entry = change.entry
    refused = entry.result == "rejected"
    outcome = f"{entry.result}: {entry.reason}" if refused else ""
    line(
        console,
        (f"version {change.version}  " if not refused else "no version  ", "bold"),
        (entry.kind, "red" if refused else "cyan"),
        f" by {clean(entry.actor)}  {when(entry.log_time)}  at {entry.position}",
        (f"  {outcome}" if outcome else "", "red"),
    )


def _said(console: Console, entry: LogEntry) -> None:
    """What came with a change: what was decided, its reason, where it is from, its metadata."""
    refused = entry.result == "rejected"
    for name, said in (
        ("decided", _decided(entry)),
        ("reason", "" if refused else entry.reason),
        ("source", entry.source),
        ("metadata", entry.metadata),
    ):
        if said:
            line(console, "    ", (f"{name}: {value(said)}", "dim"))


def _changed_lines(before: str, after: str) -> list[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=1)
    return [text for text in lines if not text.startswith(("---", "+++", "@@"))]


def _changed_tags(console: Console, before: tuple[str, ...], after: tuple[str, ...]) -> None:
    for tag in before:
        if tag not in after:
            line(console, "    ", (f"- #{clean(tag)}", "red"))
    for tag in after:
        if tag not in before:
            line(console, "    ", (f"+ #{clean(tag)}", "green"))


def lineage(console: Console, graph: Lineage, texts: Mapping[str, str]) -> None:
    """What a memory came from and what came from it, as a tree."""
    from rich.text import Text
    from rich.tree import Tree

    tree = Tree(_label(graph.cube_id, texts, style="bold"), guide_style="dim")
    for title, upstream in (("came from", True), ("went into", False)):
        branch = Tree(Text(title, style="italic"), guide_style="dim")
        _grow(branch, graph, graph.cube_id, texts, {graph.cube_id}, upstream=upstream)
        if branch.children:
            tree.add(branch)
    console.rich.print(tree)


def _grow(
    branch: Tree,
    graph: Lineage,
    cube_id: str,
    texts: Mapping[str, str],
    seen: set[str],
    *,
    upstream: bool,
) -> None:
    from rich.text import Text

    for edge in graph.edges:
        here, there = (edge.derived, edge.source) if upstream else (edge.source, edge.derived)
        if here[0] != cube_id:
            continue
        title = Text.assemble(
            (f"{edge.relation} ", "cyan"), _label(there[0], texts), f"  version {there[1]}"
        )
        leaf = branch.add(title)
        if there[0] not in seen:
            seen.add(there[0])
            _grow(leaf, graph, there[0], texts, seen, upstream=upstream)


def _label(cube_id: str, texts: Mapping[str, str], style: str = "") -> Text:
    from rich.text import Text

    return Text.assemble((cube_id, style), f"  {one_line(texts.get(cube_id, ''), 60)}")


def log_line(console: Console, entry: LogEntry) -> None:
    """One record of the log."""
    refused = entry.result == "rejected"
    outcome = f"  {entry.result}: {entry.reason}" if entry.result != "accepted" else ""
    line(
        console,
        (f"{entry.position!s:>8}  ", "dim"),
        f"{when(entry.log_time)}  ",
        (f"{entry.kind:<14} ", "red" if refused else "cyan"),
        f"{entry.cube_id} v{entry.version}  {entry.scope or '-'}  {clean(entry.actor)}",
        (outcome, "red"),
        (_said_shortly(entry), "dim"),
    )


def _said_shortly(entry: LogEntry) -> str:
    """What came with a record, on its line: what was decided, where it is from, and the actor's reason."""
    decided = f"  {clean(_decided(entry))}" if entry.choice else ""
    source = f"  from {clean(entry.source)}" if entry.source else ""
    stated = "" if entry.result == "rejected" else one_line(entry.reason, 80)
    because = f"  because {stated}" if stated else ""
    return f"{decided}{source}{because}"


def _decided(entry: LogEntry) -> str:
    """What was decided, and by which policy; empty where nothing was."""
    return f"{entry.choice} by {entry.policy}" if entry.choice else ""
