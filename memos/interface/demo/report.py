"""What the demo prints of a step: the code that ran, and its result in a few lines."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import NamedTuple

from memos import (
    Change,
    Diff,
    ErasureReceipt,
    Forgotten,
    Hit,
    ImportReport,
    Lineage,
    MemCube,
    Memory,
    Proof,
    Rebuilt,
    Receipt,
    Rollback,
    Verification,
)
from memos.infrastructure.pages import page

OPENING = """\
MemOS keeps the memory of AI agents. Every operation is an event in a log, and all else is
folded from it. Mira and Tomas talked on three evenings; an agent remembers it."""


class StepReport(NamedTuple):
    """A step that was done: its title, the code that ran, and what came out."""

    title: str
    code: tuple[str, ...]
    result: tuple[str, ...]


def code_of(step: Callable[..., object]) -> tuple[str, ...]:
    """The lines of a step, without its name and title."""
    source = textwrap.dedent(inspect.getsource(step))
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)  # noqa: S101 - steps are functions
    first = function.body[1].lineno - 1
    body = textwrap.dedent("\n".join(source.splitlines()[first:]))
    return tuple(line.removeprefix("return ") for line in body.rstrip().splitlines())


def summary(memory: Memory, result: object) -> Iterator[str]:  # noqa: C901 - one case a result
    """A result in a few lines."""
    match result:
        case ImportReport():
            yield f"{result.added} memories imported into {', '.join(result.scopes)}"
        case list():
            for item in result:
                yield from summary(memory, item)
        case Hit():
            where = f"version {result.version}, {result.source}"
            yield f"{result.score:.3f}  {result.text}  ({where})"
        case Receipt():
            yield f"cube {result.cube_id}, version {result.version}, at {result.position}"
        case Change(entry=entry, text=text):
            outcome = text if text is not None else f"{entry.result}: {entry.reason}"
            yield f"{entry.kind} by {entry.actor} at {entry.position}: {outcome}"
        case Diff():
            yield from result.text[2:]
        case Lineage():
            for edge in result.edges:
                cube = memory.get(edge.source[0], version=edge.source[1])
                text = cube.text if isinstance(cube, MemCube) else ""
                yield f"{edge.relation} ← {text}  (version {edge.source[1]})"
        case Rollback():
            yield from str(result).splitlines()
        case Verification():
            yield f"ok={result.ok}: {result.events} events, {result.cubes} cubes"
        case Proof():
            yield f"{len(result.path)} hashes lead from position {result.position} to the signed root"
            yield f"proof.verify(public key) is {result.verify(memory.verifier_key())}"
        case ErasureReceipt():
            yield f"{len(result.cube_ids)} memories erased, {len(result.artefacts)} artefacts listed"
            yield f"receipt.verify(public key) is {result.verify(memory.verifier_key())}"
        case (Forgotten() | MemCube() as cube, list() as files):
            yield f"{type(cube).__name__}(state={cube.state!r}); files that hold the word: {files}"
        case (str() as before, Rebuilt() as rebuilt):
            yield f"before {before}"
            yield f"after  {rebuilt.digest}"
            yield "the same" if before == rebuilt.digest else "NOT THE SAME"
        case _:
            yield str(result)


def ending(vault: str, scope: str, *, kept: bool) -> str:
    """Where to go from here."""
    here = (
        f"The vault is kept: memos search 'book class' --scope {scope} --vault {vault}"
        if kept
        else "The vault is gone; `memos demo --keep demo` keeps one to look into."
    )
    return f"""\
{here}
Next: {page("guide.md")} for every recipe, life-of-a-write.md beside it for how
it works, cli.md for the commands, and `memos add --help` to start your own."""
