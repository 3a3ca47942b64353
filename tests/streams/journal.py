"""A worker that writes what it took to an SQLite file, and a process that drives it.

Its file has every call of `take`, so that a test sees what was delivered, twice or not, and in
which order. Failures are asked for by files beside it: `fail` (how often, and how).
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from memos.infrastructure.engine.distributed.workers.port import ProjectionStatus
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.kernel.errors import StoreUnavailable, VaultError
from memos.kernel.event import Record, TooNew

SCHEMA = """
CREATE TABLE IF NOT EXISTS taken (
    partition INTEGER, offset INTEGER, log_time INTEGER, data BLOB,
    PRIMARY KEY (partition, offset)
);
CREATE TABLE IF NOT EXISTS mark (partition INTEGER PRIMARY KEY, offset INTEGER);
CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY, pid INTEGER, partition INTEGER, first INTEGER, count INTEGER
);
CREATE TABLE IF NOT EXISTS assigned (id INTEGER PRIMARY KEY, pid INTEGER, partition INTEGER);
"""


class Journal:
    """See `worker.Worker`. A record `stop` is too new, one `refuse` is refused."""

    name = "journal"

    def __init__(self, directory: Path, topic: str, pause: float = 0.0) -> None:
        self._directory = directory
        self._pause = pause
        self._lock = threading.Lock()
        self._marks: dict[int, int] = {}
        self.topic = topic
        self._db = sqlite3.connect(
            directory / "journal.db", timeout=60, isolation_level=None, check_same_thread=False
        )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(SCHEMA)

    def assigned(self, partition: int) -> int:
        with self._lock:
            self._fail()
            sql = "SELECT offset FROM mark WHERE partition = ?"
            row = self._db.execute(sql, (partition,)).fetchone()
            self._db.execute("INSERT INTO assigned VALUES (NULL, ?, ?)", (os.getpid(), partition))
            self._marks[partition] = row[0] if row else 0
            return self._marks[partition]

    def take(self, records: Sequence[Record]) -> None:
        partition = records[0].position.partition
        with self._lock:
            mark = self._marks[partition]
            for index, record in enumerate(records):
                if record.data == b"stop":
                    self._write(partition, mark, records[:index])
                    raise TooNew(9, 0)
                if record.data == b"refuse" and not (self._directory / "mended").exists():
                    raise VaultError("this record is refused")
            self._fail()
            time.sleep(self._pause)
            self._write(partition, mark, records)

    def _write(self, partition: int, mark: int, records: Sequence[Record]) -> None:
        new = [record for record in records if record.position.offset >= mark]
        if not new:
            return
        first, last = new[0].position.offset, new[-1].position.offset
        if first > mark:
            raise AssertionError(f"partition {partition}: {first} came after {mark - 1}")
        self._db.execute("BEGIN IMMEDIATE")
        self._db.executemany(
            "INSERT OR REPLACE INTO taken VALUES (?, ?, ?, ?)",
            [(*record.position, record.log_time, record.data) for record in new],
        )
        self._db.execute(
            "INSERT INTO delivery VALUES (NULL, ?, ?, ?, ?)",
            (os.getpid(), partition, records[0].position.offset, len(records)),
        )
        # A worker that was options up for dead cannot set the mark back.
        self._db.execute(
            "INSERT INTO mark VALUES (?, ?) ON CONFLICT (partition)"
            " DO UPDATE SET offset = max(offset, excluded.offset)",
            (partition, last + 1),
        )
        self._db.execute("COMMIT")
        self._marks[partition] = last + 1

    def _fail(self) -> None:
        """Do as the file `fail` says, once less each time: "12 away" or "3 refuse"."""
        path = self._directory / "fail"
        if not path.exists():
            return
        left, how = path.read_text().split()
        if int(left) > 1:
            path.write_text(f"{int(left) - 1} {how}")
        else:
            path.unlink()
        if how == "away":
            raise StoreUnavailable("the store is away")
        raise VaultError("the store refuses")


def asked(directory: Path, what: str) -> bool:
    """Whether the test asked for something, by a file of that name; once."""
    path = directory / what
    if not path.exists():
        return False
    path.unlink()
    return True


def end_if_asked(directory: Path, what: str) -> None:
    """SIGTERM to this process, where the test asked for it."""
    if asked(directory, what):
        os.kill(os.getpid(), signal.SIGTERM)


def is_replaced(directory: Path) -> bool:
    """Whether the test asked, by a file `replaced`, to open the worker anew."""
    if not asked(directory, "replaced"):
        return False
    end_if_asked(directory, "end when replaced")
    return True


def status(directory: Path) -> ProjectionStatus:
    """What the file `problem` says, and a few counts."""
    path = directory / "problem"
    return ProjectionStatus(2, 3, 4, path.read_text() if path.exists() else "")


def main() -> int:
    """Drive a journal over a topic."""
    from streams.driver import OpenedWorker
    from streams.process import run

    parser = argparse.ArgumentParser()
    for name in ("directory", "servers", "prefix"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--metrics-port", type=int)
    parser.add_argument("--instance")
    options = parser.parse_args()
    settings = KafkaSettings(options.servers, options.prefix)

    @contextmanager
    def open_journal() -> Iterator[OpenedWorker]:
        end_if_asked(Path(options.directory), "end when opened")
        journal = Journal(Path(options.directory), settings.events, options.pause)
        directory = Path(options.directory)
        yield OpenedWorker(journal, lambda: is_replaced(directory), 7, lambda: status(directory))

    return run(
        Journal.name,
        settings,
        open_journal,
        "127.0.0.1",
        options.metrics_port,
        options.instance,
    )


if __name__ == "__main__":
    sys.exit(main())
