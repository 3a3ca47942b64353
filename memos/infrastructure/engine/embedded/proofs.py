"""The embedded log's Merkle tree: signed heads, and proofs against them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import apsw

from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.log.sqlite import PARTITION, read_record, stored_tree, tree_nodes
from memos.infrastructure.reports import TreeHead
from memos.infrastructure.sqlite.statements import row
from memos.kernel.errors import Damaged
from memos.kernel.event import Position, Record
from memos.kernel.merkle import consistency_proof, inclusion_proof
from memos.kernel.note import Checkpoint


class EmbeddedProofs:
    """See `engine.port.Proofs`. The log has one partition."""

    def __init__(self, stores: EmbeddedStores) -> None:
        self._stores = stores

    def signer(self) -> NoteSigner:
        return self._stores.signer()

    def sign(self, partition: int = PARTITION) -> TreeHead:
        if self._stores.database.read_only:
            with self._stores.database.reading() as connection:
                return _signed(self._stores, connection)
        return self._stores.database.write(lambda: sign_tree(self._stores))

    def record(self, position: Position) -> Record:
        with self._stores.database.reading() as connection:
            record = read_record(connection, position.offset)
        if record is None:
            raise Damaged(f"the log has no record at {position}: run `memos verify`")
        return record

    def inclusion(self, position: Position, size: int) -> list[bytes]:
        with self._stores.database.reading() as connection, _whole_tree():
            return list(inclusion_proof(tree_nodes(connection), position.offset, size))

    def consistency(self, partition: int, old_size: int, size: int) -> list[bytes]:
        with self._stores.database.reading() as connection, _whole_tree():
            return list(consistency_proof(tree_nodes(connection), old_size, size))


@contextmanager
def _whole_tree() -> Iterator[None]:
    """A node of the tree that is not there is damage."""
    try:
        yield
    except LookupError as error:
        raise Damaged(f"the log's tree is damaged ({error}): run `memos verify`") from None


def sign_tree(stores: EmbeddedStores) -> TreeHead:
    """Sign the tree as it is now, inside the write transaction; once for each size."""
    stores.settle()
    writer = stores.database.writer
    head = _signed(stores, writer)
    writer.execute("INSERT OR IGNORE INTO checkpoint VALUES (?, ?)", (head.size, head.note))
    return head


def _signed(stores: EmbeddedStores, connection: apsw.Connection) -> TreeHead:
    """The tree, signed: with the signature that is kept, where there is one of this size."""
    tree = stored_tree(connection)
    stored = row(connection, "SELECT note FROM checkpoint WHERE size = ?", (tree.size,))
    if stored is not None:
        return TreeHead(tree.size, tree.root(), stored[0])
    signer = stores.signer()
    checkpoint = Checkpoint(signer.name, tree.size, tree.root())
    return TreeHead(tree.size, tree.root(), signer.sign(checkpoint.format()))
