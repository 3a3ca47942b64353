"""What only the embedded log has: its Merkle tree, and moments by log time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos.infrastructure.log.sqlite import (
    SqliteLog,
    offset_at,
    read_record,
    stored_tree,
    tree_nodes,
)
from memos.infrastructure.sqlite.database import Database
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)


class Log:
    """A log with a clock that is set by hand."""

    def __init__(self, path: Path) -> None:
        self.now = 1000
        self.database = Database(path, create=True)
        self.log = SqliteLog(self.database.writer, self.database.reader, lambda: self.now)
        self.database.write(lambda: SqliteLog.create(self.database.writer))
        self.database.on_begin, self.database.before_commit = self.log.begin, self.log.flush

    def add(self, count: int) -> None:
        def work() -> None:
            for _ in range(count):
                self.log.add(f"event {self.log.size}".encode())

        self.database.write(work)


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    made = Log(tmp_path / "log.db")
    yield made
    made.database.close()


def test_the_stored_tree_is_that_of_the_records(log: Log) -> None:
    expected = Frontier()
    for size in (1, 2, 255, 256, 257, 600):
        log.add(size - expected.size)
        for offset in range(expected.size, size):
            expected.push(leaf_of(offset, 1000, f"event {offset}".encode()))
        tree = stored_tree(log.database.reader())
        assert (tree.size, tree.root()) == (size, expected.root())


def test_every_earlier_tree_is_proved_to_be_a_prefix(log: Log) -> None:
    roots = {}
    for _ in range(8):
        log.add(97)
        tree = stored_tree(log.database.reader())
        roots[tree.size] = tree.root()
    nodes, last = tree_nodes(log.database.reader()), max(roots)
    for size, root in roots.items():
        proof = consistency_proof(nodes, size, last)
        assert verify_consistency(size, root, last, roots[last], proof)
        assert size == last or not verify_consistency(size, bytes(32), last, roots[last], proof)
    leaf = leaf_of(300, 1000, b"event 300")
    path = inclusion_proof(nodes, 300, last)
    assert verify_inclusion(leaf, 300, last, path, roots[last])
    assert not verify_inclusion(leaf, 301, last, path, roots[last])


def test_a_log_time_leads_to_the_records_up_to_it(log: Log) -> None:
    for now in (1000, 2000, 2000, 1500, 3000):
        log.now = now
        log.add(2)
    reader = log.database.reader()
    sizes = {0: 0, 999: 0, 1000: 2, 1999: 2, 2000: 8, 2999: 8, 3000: 10, 9999: 10}
    assert {at: offset_at(reader, at) for at in sizes} == sizes
    times = [record.log_time for n in range(10) if (record := read_record(reader, n))]
    assert times == [1000] * 2 + [2000] * 6 + [3000] * 2


def test_a_transaction_that_fails_leaves_log_and_tree_as_they_were(log: Log) -> None:
    log.add(3)
    before = stored_tree(log.database.reader()).root()

    def work() -> None:
        log.log.add(b"half")
        raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        log.database.write(work)
    assert stored_tree(log.database.reader()).root() == before
    log.add(1)
    assert stored_tree(log.database.reader()).size == 4
