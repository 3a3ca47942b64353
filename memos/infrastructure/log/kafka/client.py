"""What every client of Kafka has in common: its settings, and how its failures are described."""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any, TypeVar, cast

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message
from confluent_kafka.admin import AdminClient, OffsetSpec

from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.kernel.errors import InvalidInput, LogUnavailable, VaultError

_REFUSED_CREDENTIALS = frozenset(
    {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._SSL}
)
_FORBIDDEN = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
    }
)
_NO_TOPIC = frozenset(
    {
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    }
)
_PASSING = frozenset(
    {
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.OFFSET_NOT_AVAILABLE,
        KafkaError.REPLICA_NOT_AVAILABLE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)
"""What a change of a partition's leader, or a busy server, brings and takes away again."""

T = TypeVar("T")

REFUSED_SECONDS = 1.5
"""Credentials that are wrong stay wrong, and where no server takes a connection somebody must act; another
server of several may still take them, and one that starts does so at once.
"""

TOLD_SECONDS = 2.5
"""The library tries to connect, and tells that no server took a connection, about once a second."""

LOOK_SECONDS = 0.1

Whence = OffsetSpec
EARLIEST: Whence = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
LATEST: Whence = OffsetSpec.latest()  # type: ignore[no-untyped-call]


class Connection:
    """One client's view of the servers: its settings, and the last trouble it had with them."""

    def __init__(self, settings: KafkaSettings) -> None:
        self.settings = settings
        self._trouble = ""
        self.is_refused = False
        """Whether a server refused our credentials, or we its certificate, and that came last."""
        self._down_since = self._down_told = -TOLD_SECONDS

    @property
    def is_down(self) -> bool:
        """Whether no server takes a connection, as far as a client has told when it was last polled."""
        return time.monotonic() - self._down_told < TOLD_SECONDS

    @property
    def down_seconds(self) -> float:
        """For how long no server has taken a connection."""
        return time.monotonic() - self._down_since if self.is_down else 0.0

    def answer(
        self, asked: Future[T], client: AdminClient, what: str, patience: float = REFUSED_SECONDS
    ) -> T:
        """What a request is answered; who is down is not waited for.

        Args:
            asked: the request.
            client: whose it is.
            what: says what was not done, where it fails.
            patience: how many seconds a server may be down meanwhile.

        Raises:
            KafkaException: it failed.
            LogUnavailable: no server takes a connection.
        """
        began = time.monotonic()
        while True:
            try:
                return asked.result(LOOK_SECONDS)
            except TimeoutError:
                client.poll(0)  # takes in what the connections have told of themselves
            if self.is_down and time.monotonic() - began >= patience:
                raise self.unavailable(what, "no server takes a connection")

    def config(self, **more: str | float | bool) -> dict[str, Any]:
        """The settings of a client; `more` with underscores for the dots of its names."""
        return {
            "client.id": "memos",
            "socket.keepalive.enable": True,
            # A server that comes back is wanted at once, not after ten seconds.
            "reconnect.backoff.max.ms": 1000,
            **self.settings.extra,
            "bootstrap.servers": self.settings.bootstrap_servers,
            # Its lines would go to stderr past the program's logging; errors quote them instead.
            "log_level": 0,
            "error_cb": self._remember,
            **{name.replace("_", "."): value for name, value in more.items()},
        }

    def unavailable(self, what: str, error: object) -> LogUnavailable:
        """The error of a request that failed; `what` says what was not done."""
        return LogUnavailable(self.describe(what, error))

    def settings_do_not_fit(self, error: KafkaException) -> InvalidInput:
        """The error of settings that no client can be made of."""
        cause = kafka_error(error)
        reason = str(error) if cause is None else cause.str()
        return InvalidInput(f"the settings of Kafka do not fit: {reason}")

    def describe(self, what: str, error: object) -> str:
        """What was not done, by which server, why, and what to do."""
        cause = kafka_error(error)
        reason = str(error) if cause is None else cause.str()
        if self._trouble and self._trouble not in reason:
            reason = f"{reason} ({self._trouble})"
        advice = _advice(cause, is_refused=self.is_refused)
        return f"Kafka at {self.settings.bootstrap_servers} {what}: {reason}. {advice}"

    def _remember(self, error: KafkaError) -> None:
        if error.code() == KafkaError._ALL_BROKERS_DOWN:
            if not self.is_down:
                self._down_since = time.monotonic()
            self._down_told = time.monotonic()
        # That a server which refused is out of reach is said after why it is, and says less.
        if error.code() == KafkaError._ALL_BROKERS_DOWN and self.is_refused:
            return
        self._trouble = error.str()
        self.is_refused = _is_refusal(error)


def kafka_error(error: object) -> KafkaError | None:
    """The library's own error within an exception of it."""
    if isinstance(error, KafkaException):
        error = error.args[0] if error.args else None
    return error if isinstance(error, KafkaError) else None


def passes(error: KafkaError) -> bool:
    """Whether the same request may succeed a moment later.

    The library's own `retriable` speaks of transactions only, and is false of a change of leader.
    """
    return error.retriable() or error.code() in _PASSING


KEPT_TIME = "memos-log-time"
"""The header of a record that was moved here from another log: its log time there, which stays its
log time, in microseconds.
"""


def log_time_of(message: Message, topic: str) -> int:
    """The log time of a record, in microseconds since 1970: its own, or the broker's.

    Raises:
        VaultError: as `appended_at`.
    """
    kept = dict(cast("list[tuple[str, bytes]]", message.headers() or ())).get(KEPT_TIME)
    return int(kept) if kept else appended_at(message, topic)


def appended_at(message: Message, topic: str) -> int:
    """The broker's time of a record, in microseconds since 1970.

    Raises:
        VaultError: the topic keeps the clients' times, and log time would be theirs.
    """
    kind, milliseconds = message.timestamp()
    if kind != TIMESTAMP_LOG_APPEND_TIME:
        raise VaultError(
            f"Kafka's topic {topic} does not keep the broker's time of its records, which decides "
            "what a read at a moment shows: set its message.timestamp.type to LogAppendTime"
        )
    return milliseconds * 1000


def _is_refusal(error: KafkaError) -> bool:
    # A handshake that failed is told as a failure of TLS, or of the transport with TLS's words.
    return error.code() in _REFUSED_CREDENTIALS or "SSL" in error.str()


def _advice(cause: KafkaError | None, *, is_refused: bool) -> str:
    code = None if cause is None else cause.code()
    if is_refused or (cause is not None and _is_refusal(cause)):
        return "Check security.protocol, sasl.* and ssl.* in the settings of Kafka"
    if code in _FORBIDDEN:
        return "Give this user the right to read and write the topics of MemOS"
    if code in _NO_TOPIC:
        return "Make the topics first, and see `memos doctor`"
    return (
        "Check that it runs, can be reached from here and asks for the same security.protocol as the "
        "settings: `memos doctor` says more"
    )
