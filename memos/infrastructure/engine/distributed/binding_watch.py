"""Whether the topics of an open vault are its own still: one may be deleted, and made again, under programs
and workers that have it open.
"""

from __future__ import annotations

import math
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from threading import Lock

from confluent_kafka.admin import AdminClient

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.binding import bound_topics, check_topics_bound
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.log.kafka.client import Connection
from memos.infrastructure.log.kafka.topics import admin_client, described_ids
from memos.kernel.errors import LogLost, LogUnavailable, StoreUnavailable

LONGEST_LOOK_SECONDS = 5.0
"""A write waits for a look: where Kafka does not answer, no longer than this."""

DOWN_SECONDS = 0.2
"""How long a look waits where no server takes a connection: who is about to write waits for that, too."""

READ_PATIENCE_SECONDS = 0.2
"""How long a read waits for a look: it needs no Kafka, and where that is away the next read is told."""


class BindingWatch:
    """Looks now and then, when it is asked. Safe for threads.

    Args:
        settings: where the topics are.
        store: where the vault says which are its own.
        seconds: between two looks.
    """

    def __init__(
        self, settings: DistributedSettings, store: CassandraSession, seconds: float
    ) -> None:
        self._settings, self._store, self._seconds = settings, store, seconds
        timeout = min(settings.kafka.timeout, LONGEST_LOOK_SECONDS)
        self._connection = Connection(replace(settings.kafka, timeout=timeout))
        self._admin: AdminClient | None = None
        self._bound = bound_topics(settings, store)
        self._looked = time.monotonic()
        self._looking = Lock()
        self._lost = ""
        self._thread = ThreadPoolExecutor(1, "memos-binding")

    def check(self, patience: float | None = None) -> None:
        """Go on where the last look found the vault's topics; look again where that is long ago. Where a
        server does not answer, the next look tells.

        Args:
            patience: how many seconds to wait for a look that is due, of which the next call tells
                then; None to wait until it is done.

        Raises:
            LogLost: they are others, or the vault was bound to others. It stays so.
        """
        is_due = time.monotonic() - self._looked > self._seconds
        if is_due and self._looking.acquire(blocking=False):
            look = self._thread.submit(self._look)
            with suppress(TimeoutError):
                look.result(patience)
        if self._lost:
            raise LogLost(self._lost)

    def check_anew(self) -> None:
        """As `check`, with a look now: where a write failed, that may be why.

        Raises:
            LogLost: as of `check`.
        """
        if self._looked != math.inf:  # closed
            self._looked = -math.inf
        self.check()

    def close(self) -> None:
        """Wait for a look that is under way, and look no more."""
        self._thread.shutdown()
        self._looked = math.inf

    def _look(self) -> None:
        try:
            self._compare()
        except LogLost as error:
            self._lost = str(error)
        except (LogUnavailable, StoreUnavailable):
            pass  # the next look tells
        finally:
            self._looked = time.monotonic()
            self._looking.release()

    def _compare(self) -> None:
        bound = bound_topics(self._settings, self._store)
        if self._bound and bound != self._bound:
            raise LogLost(
                f"the vault of {self._settings.path} was bound to other topics since it was opened here, by "
                "`memos rebuild --accept-loss`: what was acknowledged before may be gone. Open it again, and "
                "see what is missing"
            )
        self._bound = bound
        if not bound:
            return
        if self._admin is None:
            self._admin = admin_client(self._connection)
        found = described_ids(self._connection, self._admin, list(bound), DOWN_SECONDS)
        if found != bound:
            check_topics_bound(
                self._settings, self._store
            )  # which asks once more, and says what it is
