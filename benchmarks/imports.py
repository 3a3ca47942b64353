"""What does importing a folder of notes again cost, and does it leave anything stale?

    python -m benchmarks.imports [--sizes NOTES] [--json FILE] [--check]

Notes of two sections each are imported. Then one in a hundred is edited, one in four hundred removed
and as many moved, and the folder is imported again with `prune`, and once more as it is. What was said
before an edit, and what was removed, must not be found; what was written instead must be.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import Options, Report, finish, parse, progress, workshop
from benchmarks.texts import Texts, word
from memos import ImportReport, Memory

NOTES = 8_000
FOLDERS = 40
EDITED = 100
REMOVED = 400
SCOPE = "acme/handbook"
_NEW = 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Import, edit, import again; the exit code."""
    options = parse("imports", __doc__, arguments)
    asked = "--sizes" in (sys.argv if arguments is None else arguments)
    notes = options.sizes[0] if asked else NOTES
    kept = Options(options.name, options.full, options.json, options.check, (notes,))
    report = Report()
    with workshop("imports") as directory:
        _run(report, directory, notes)
    return finish(kept, report)


def _run(report: Report, directory: Path, notes: int) -> None:
    folder = directory / "notes"
    texts = Texts()
    progress(f"writing {notes:,} notes")
    for number in range(notes):
        _write(folder, number, texts.take(1)[0], number)
    edited = range(0, notes, EDITED)
    removed = range(1, notes, REMOVED)
    moved = range(2, notes, REMOVED)
    with Memory(directory / "notes.vault", actor="agent:bench") as memory:
        first = _import(report, memory, folder, "first")
        for number in edited:
            file = _file(folder, number)
            file.write_text(file.read_text().replace(_port(number), _port(_NEW + number)))
        for number in removed:
            _file(folder, number).unlink()
        for number in moved:
            file = _file(folder, number)
            (folder / "moved").mkdir(exist_ok=True)
            file.rename(folder / "moved" / file.name)
        again = _import(report, memory, folder, "edited")
        same = _import(report, memory, folder, "the same again")
        stale = [_port(number) for number in (*edited, *removed)]
        current = [_port(_NEW + number) for number in edited] + [_port(number) for number in moved]
        report.figures |= {
            "stale texts found": float(sum(_is_found(memory, port) for port in stale)),
            "current texts not found": float(sum(not _is_found(memory, port) for port in current)),
            "memories too many": float(first.added + again.added - 2 * notes),
        }
        assert memory.digest() == memory.rebuild().digest
    events = {row["import"]: row["events"] for row in report.rows}
    moves = again.moved
    report.figures |= {
        "events of edited notes": float(events["edited"] - again.archived - moves),
        "edited notes": float(len(edited)),
        "events of moved sections / sections": moves / (2 * len(moved)),
        "events of the same again": float(events["the same again"]),
        "the same again / first, of the processor": (
            report.rows[2]["processor seconds"] / report.rows[0]["processor seconds"]
        ),
        "archived / sections removed": again.archived / (2 * len(removed)),
        "unchanged of the same again": float(same.unchanged),
    }
    report.notes.append(f"Load of the machine after: {os.getloadavg()[0]:.1f}.")
    report.notes.append(
        "A note has two sections, each a memory: an edit changes one of them, a removal archives "
        "both, a move is a new version of both."
    )


def _import(report: Report, memory: Memory, folder: Path, name: str) -> ImportReport:
    progress(f"import: {name}")
    before, start, used = memory.stats().events, time.perf_counter(), time.process_time()
    imported = memory.import_file(folder, scope=SCOPE, root="handbook", prune=True)
    seconds, processor = time.perf_counter() - start, time.process_time() - used
    report.rows.append(
        {
            "import": name,
            "seconds": seconds,
            "processor seconds": processor,
            "events": memory.stats().events - before,
            "added": imported.added,
            "changed": imported.changed,
            "moved": imported.moved,
            "unchanged": imported.unchanged,
            "archived": imported.archived,
        }
    )
    return imported


def _file(folder: Path, number: int) -> Path:
    return folder / f"area-{number % FOLDERS}" / f"note-{number}.md"


def _write(folder: Path, number: int, text: str, port: int) -> None:
    file = _file(folder, number)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        f"---\ntags: [area-{number % FOLDERS}]\ncreated: 2026-01-{1 + number % 28:02}\n---\n"
        f"# Service {number}\n\n{text}\n\n## Ports\n\nIt listens on {_port(port)}.\n"
    )


def _port(number: int) -> str:
    """A word that stands in one note only."""
    return f"port{word(number)}"


def _is_found(memory: Memory, port: str) -> bool:
    return any(port in hit.text for hit in memory.search(port, scope=SCOPE, k=3))


if __name__ == "__main__":
    sys.exit(main())
