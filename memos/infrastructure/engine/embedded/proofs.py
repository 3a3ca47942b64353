"""The embedded log's Merkle tree, its signed heads and proofs, and the vault's figures."""

from __future__ import annotations

from pathlib import Path

import apsw

from memos.infrastructure.governance.usage.sqlite import access_size
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.log.sqlite import stored_tree, tree_nodes
from memos.infrastructure.reports import Figures, TreeHead
from memos.infrastructure.sqlite.database import row, rows
from memos.kernel.event import Position
from memos.kernel.merkle import consistency_proof, inclusion_proof
from memos.kernel.note import Checkpoint, sign_note


def sign(writer: apsw.Connection, origin: str, signer: NoteSigner) -> TreeHead:
    """Sign the tree as it is now, inside the write transaction; once for each size."""
    tree = stored_tree(writer)
    found = row(writer, "SELECT note FROM checkpoint WHERE size = ?", (tree.size,))
    if found is not None:
        return TreeHead(tree.size, tree.root(), found[0])
    note = sign_note(Checkpoint(origin, tree.size, tree.root()).format(), [signer])
    writer.execute("INSERT INTO checkpoint VALUES (?, ?)", (tree.size, note))
    return TreeHead(tree.size, tree.root(), note)


def leaf(connection: apsw.Connection, position: Position) -> bytes:
    """The leaf of the record at a position."""
    found = row(connection, "SELECT leaf FROM event WHERE offset = ?", (position.offset,))
    return b"".join(found or ())


def inclusion(connection: apsw.Connection, position: Position, size: int) -> list[bytes]:
    """The path from a record to the root of the tree of `size` records."""
    return list(inclusion_proof(tree_nodes(connection), position.offset, size))


def consistency(connection: apsw.Connection, old_size: int, size: int) -> list[bytes]:
    """The proof that the tree of `size` records extends that of `old_size`."""
    return list(consistency_proof(tree_nodes(connection), old_size, size))


def figures(connection: apsw.Connection, directory: Path) -> Figures:
    """Counts of the vault in a directory."""
    states = rows(
        connection,
        "SELECT lifecycle, count(*) FROM head WHERE cube_id IN"
        " (SELECT cube_id FROM attempt WHERE kind IN (1, 17, 19) AND result = 1)"
        " GROUP BY lifecycle ORDER BY lifecycle",
    )
    scopes = row(connection, "SELECT count(DISTINCT scope) FROM head WHERE scope <> ''")
    return Figures(
        events=stored_tree(connection).size,
        states=dict(states),
        scopes=int(scopes[0]) if scopes else 0,
        accesses=access_size(connection),
        bytes_on_disk=sum(file.stat().st_size for file in directory.iterdir() if file.is_file()),
    )
