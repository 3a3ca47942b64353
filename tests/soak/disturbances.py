"""What is done to a vault under load: crashes, and mistakes of an operator."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import closing
from random import Random

import pytest

from memos import Memory, VaultError
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.keys.root import create_root_file
from memos.infrastructure.servers import LocalServers, ServerName
from memos.infrastructure.vault.cassandra import schema
from memos.interface.vaults import create_vault, rebuild_vault
from memos.kernel.errors import LogLost, WrongRootKey
from tests.fleet import WORKERS, Fleet
from tests.kill.load import ACTOR

DOWN_SECONDS = (0.5, 5.0)
"""For how long a server stays away."""


class Disturbances:
    """Each method does one thing, and returns once it is over. `run` takes one by chance."""

    def __init__(self, fleet: Fleet, servers: LocalServers, random: Random) -> None:
        self._fleet = fleet
        self._servers = servers
        self._random = random
        self._chances: dict[Callable[[], None], int] = {
            self.kill_a_worker: 10,
            self.pause_a_worker: 3,
            self.kill_kafka: 2,
            self.kill_cassandra: 2,
            self.open_with_another_root_key: 1,
            self.name_another_keyspace: 1,
            self.name_other_topics: 1,
            self.create_it_again: 1,
            self.audit: 1,
            self.rebuild: 1,
            self.lose_the_projections: 1,
        }

    def run(self) -> str:
        """Do one of them; its name."""
        (chosen,) = self._random.choices(list(self._chances), list(self._chances.values()))
        chosen()
        return chosen.__name__.replace("_", " ")

    def kill_a_worker(self) -> None:
        self._fleet.process(self._random.choice(WORKERS)).kill()

    def pause_a_worker(self) -> None:
        process = self._fleet.process(self._random.choice(WORKERS))
        process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(self._random.uniform(*DOWN_SECONDS))
        finally:
            process.send_signal(signal.SIGCONT)

    def kill_kafka(self) -> None:
        self._kill("kafka")

    def kill_cassandra(self) -> None:
        self._kill("cassandra")

    def open_with_another_root_key(self) -> None:
        key = self._fleet.directory / "another.key"
        if not key.exists():
            create_root_file(key)
        self._refuse(WrongRootKey, 'root_key = "root.key"', f'root_key = "{key}"')

    def name_another_keyspace(self) -> None:
        name = self._fleet.settings.cassandra.keyspace
        self._refuse(VaultError, f'keyspace = "{name}"', 'keyspace = "mistyped"')

    def name_other_topics(self) -> None:
        prefix = self._fleet.settings.kafka.prefix
        self._refuse(LogLost, f'prefix = "{prefix}"\npart', 'prefix = "mistyped"\npart')

    def create_it_again(self) -> None:
        create_vault(self._fleet.path, actor=ACTOR)

    def audit(self) -> None:
        with Memory(self._fleet.path, actor=ACTOR) as memory:
            assert memory.audit().problems == ()

    def rebuild(self) -> None:
        with Memory(self._fleet.path, actor=ACTOR) as memory:
            memory.rebuild()

    def lose_the_projections(self) -> None:
        """The keyspace of the live generation is dropped; a rebuild brings all back."""
        with closing(CassandraSession(self._fleet.settings.cassandra)) as store:
            live = schema.live_generation(store)
            store.define(f"DROP KEYSPACE {schema.keyspace_of(store, live)}")
        rebuild_vault(self._fleet.path, actor=ACTOR)

    def _kill(self, name: ServerName) -> None:
        self._servers.kill(name)
        time.sleep(self._random.uniform(*DOWN_SECONDS))
        self._servers.start(name)

    def _refuse(self, error: type[VaultError], right: str, wrong: str) -> None:
        """A vault whose settings have a mistake is not opened."""
        text = self._fleet.path.read_text("utf-8")
        assert right in text
        path = self._fleet.directory / "mistaken.toml"
        path.write_text(text.replace(right, wrong), "utf-8")
        with pytest.raises(error):
            Memory(path, actor=ACTOR).close()
