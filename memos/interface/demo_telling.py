"""How the demo tells of its steps: the code that ran, and its result in a few lines."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Iterator
from typing import NamedTuple

from memos.infrastructure.reports import Rebuilt, Verification
from memos.interface.memory import Memory
from memos.operation.commands.import_file import ImportReport
from memos.operation.commands.rollback import Rollback
from memos.operation.cube import Forgotten, MemCube
from memos.operation.erasure_receipt import ErasureReceipt
from memos.operation.reads.history import Change, Diff, Lineage
from memos.operation.reads.proofs import Proof
from memos.operation.receipt import Receipt
from memos.operation.search.hits import Hit

OPENING = """\
MemOS keeps the memory of AI agents. Every operation is an event in a log, and all else is
folded from it. Mira and Tomas talked on three evenings; an agent remembers it."""


class Told(NamedTuple):
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


def tell(memory: Memory, result: object) -> Iterator[str]:  # noqa: C901 - one case a result
    """A result in a few lines."""
    match result:
        case ImportReport():
            yield f"{result.added} memories imported into {', '.join(result.scopes)}"
        case list():
            for each in result:
                yield from tell(memory, each)
        case Hit():
            where = f"version {result.version}, {result.source}"
            yield f"{result.score:.3f}  {result.text}  ({where})"
        case Receipt():
            yield f"cube {result.cube_id}, version {result.version}, at {result.position}"
        case Change(entry=entry, text=text):
            told = text if text is not None else f"{entry.result}: {entry.reason}"
            yield f"{entry.kind} by {entry.actor} at {entry.position}: {told}"
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
Next: docs/guide.md for every recipe, docs/life-of-a-write.md for how it works,
docs/cli.md for the commands, and `memos add --help` to start your own."""
