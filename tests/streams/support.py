"""A topic that is fed, worker processes over it, and what their journal says."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.log.kafka.settings import KafkaSettings
from tests.streams.journal import Journal
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
PARTITIONS = 4


class Bench:
    """Feeds a topic, starts workers, reads the journal."""

    def __init__(self, settings: KafkaSettings, directory: Path) -> None:
        self.settings = settings
        self.directory = directory
        self.fed: Counter[int] = Counter()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._producer = Producer(
            {"bootstrap.servers": settings.bootstrap_servers, "enable.idempotence": True}
        )

    def feed(self, records: int, partition: int | None = None) -> None:
        """Append records, each with its own number, to one partition or to all in turn."""
        for number in range(records):
            to = number % PARTITIONS if partition is None else partition
            self._append(to, b"%d/%d" % (to, self.fed[to]))
        self._producer.flush()

    def feed_one(self, data: bytes, partition: int) -> None:
        """Append one record."""
        self._append(partition, data)
        self._producer.flush()

    def _append(self, partition: int, data: bytes) -> None:
        self._producer.produce(self.settings.events, data, b"key", partition=partition)
        self.fed[partition] += 1

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker process; what it says goes to the file `log`."""
        with (self.directory / "log").open("ab") as log:
            process = subprocess.Popen(
                ends_with_us(
                    [
                        *(sys.executable, "-m", "tests.streams.journal"),
                        *("--directory", str(self.directory)),
                        *("--servers", self.settings.bootstrap_servers),
                        *("--prefix", self.settings.prefix),
                        *options,
                    ]
                ),
                stderr=log,
                stdout=log,
                cwd=ROOT,
            )
        self._processes.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> int:
        """End a worker as a supervisor does; its exit status."""
        process.send_signal(signal.SIGTERM)
        return process.wait(240)

    def kill_all(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(240)

    def members(self) -> list[str | None]:
        """The names of the members of the workers' group."""
        admin = AdminClient({"bootstrap.servers": self.settings.bootstrap_servers})
        group = f"{self.settings.prefix}-{Journal.name}"
        described = admin.describe_consumer_groups([group])[group].result()
        return sorted(member.group_instance_id or "" for member in described.members)

    def ask_failures(self, times: int, how: str) -> None:
        (self.directory / "fail").write_text(f"{times} {how}")

    @property
    def failures_left(self) -> bool:
        return (self.directory / "fail").exists()

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text("utf-8")

    def query(self, sql: str, values: Sequence[object] = ()) -> list[tuple[int, ...]]:
        path = self.directory / "journal.db"
        if not path.exists():
            return []
        with closing(sqlite3.connect(path, timeout=30)) as journal:
            try:
                return journal.execute(sql, values).fetchall()
            except sqlite3.OperationalError as error:
                if "no such table" not in str(error):
                    raise
                return []

    def set_mark(self, partition: int, offset: int) -> None:
        with closing(sqlite3.connect(self.directory / "journal.db", timeout=30)) as journal:
            journal.execute("INSERT OR REPLACE INTO mark VALUES (?, ?)", (partition, offset))
            journal.commit()

    def marks(self) -> dict[int, int]:
        return dict(self.query("SELECT partition, offset FROM mark"))  # type: ignore[arg-type]

    def taken(self) -> int:
        rows = self.query("SELECT count(*) FROM taken")
        return rows[0][0] if rows else 0

    def await_taken(self, records: int | None = None) -> None:
        """Wait until so many records were taken; all by default."""
        count = self.fed.total() if records is None else records
        self.wait_until(lambda: self.taken() >= count, f"{count} records taken")

    def wait_until(self, come: Callable[[], bool], what: str) -> None:
        def told() -> str:
            return "\n".join([f"{what}; {self.taken()}", *self.log.splitlines()[-30:]])

        wait_until(come, told)

    def assert_complete(self) -> None:
        """Every record was taken, with its own bytes, and nothing else; marks say so.

        The journal refuses a batch that does not follow on its mark, so order is proved as well.
        """
        assert self.marks() == {p: n for p, n in self.fed.items() if n}
        rows = self.query("SELECT partition, offset, data FROM taken ORDER BY partition, offset")
        expected = [
            (partition, offset, b"%d/%d" % (partition, offset))
            for partition in sorted(self.fed)
            for offset in range(self.fed[partition])
        ]
        assert rows == expected
        assert "came after" not in self.log
