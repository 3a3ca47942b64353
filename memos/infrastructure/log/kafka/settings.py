"""Where Kafka is, how it is used, and what MemOS calls its topics and keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from memos.kernel.errors import InvalidInput
from memos.kernel.moment import MOST_PARTITIONS

DEFAULT_PARTITIONS = 8
DEFAULT_TIMEOUT = 30.0
DEFAULT_MAX_EVENT_BYTES = 2**20
LEAST_EVENT_BYTES = 1024
MOST_EVENT_BYTES = 64 * 2**20
BATCH_OVERHEAD_BYTES = 2**16

# What the promises of the log hang on is not for a configuration file to change.
OURS = frozenset(
    {
        "acks",
        "allow.auto.create.topics",
        "auto.offset.reset",
        "bootstrap.servers",
        "check.crcs",
        "compression.type",
        "delivery.timeout.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "isolation.level",
        "linger.ms",
        "log_level",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "message.max.bytes",
        "message.timeout.ms",
        "metadata.broker.list",
        "partitioner",
        "request.required.acks",
        "transactional.id",
    }
)

_TOPIC_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,200}")
_SECRET = re.compile(r"password|secret|key|token|credential|jaas|oauthbearer", re.IGNORECASE)


WORKERS = ("fold", "index", "usage", "seal")
"""The workers of a vault; each one's group is `{prefix}-{worker}`."""


@dataclass(frozen=True, slots=True, repr=False)
class KafkaSettings:
    """How to reach Kafka and what the log asks of it.

    Args:
        bootstrap_servers: "host:port", several with commas.
        prefix: what the topics' names begin with; two vaults on one Kafka have two.
        partitions: of each topic that is read by cube. Chosen once: a cube's events stay in order
            because its partition never changes.
        replication: copies of each partition.
        min_insync: copies that must have a record before it is acknowledged.
        timeout: seconds after which a request that is not answered has failed.
        max_event_bytes: the largest key and event together; a larger one is refused.
        linger_ms: how long an event waits for others to share a request with.
        extra: further settings of librdkafka, as TLS and SASL need: `security.protocol`, `sasl.*`,
            `ssl.*`. `repr` hides those that may be secret.

    Raises:
        InvalidInput: a setting does not fit, or `extra` has one that MemOS sets itself.
    """

    bootstrap_servers: str
    prefix: str = "memos"
    partitions: int = DEFAULT_PARTITIONS
    replication: int = 1
    min_insync: int = 1
    timeout: float = DEFAULT_TIMEOUT
    max_event_bytes: int = DEFAULT_MAX_EVENT_BYTES
    linger_ms: float = 1.0
    extra: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not self.bootstrap_servers.strip():
            raise InvalidInput("Kafka's address is empty: give bootstrap_servers as host:port")
        if not _TOPIC_PREFIX.fullmatch(self.prefix):
            raise InvalidInput(
                f"{self.prefix!r} cannot begin a topic's name: use letters, digits, '.', '_' and '-'"
            )
        _within("partitions", self.partitions, 1, MOST_PARTITIONS)
        _within("replication", self.replication, 1, 2**15 - 1)
        _within("min_insync", self.min_insync, 1, self.replication)
        _within("timeout", self.timeout, 1, 3600)
        _within("max_event_bytes", self.max_event_bytes, LEAST_EVENT_BYTES, MOST_EVENT_BYTES)
        _within("linger_ms", self.linger_ms, 0, 1000)
        taken = sorted(OURS.intersection(self.extra))
        if taken:
            raise InvalidInput(
                f"{', '.join(taken)} cannot be set: the log's promises hang on it; leave it out"
            )

    def __repr__(self) -> str:
        extra = {k: "***" if _SECRET.search(k) else v for k, v in self.extra.items()}
        return (
            f"KafkaSettings(bootstrap_servers={self.bootstrap_servers!r}, prefix={self.prefix!r}, "
            f"partitions={self.partitions}, replication={self.replication}, "
            f"min_insync={self.min_insync}, timeout={self.timeout}, "
            f"max_event_bytes={self.max_event_bytes}, linger_ms={self.linger_ms}, extra={extra})"
        )

    @property
    def events(self) -> str:
        """The topic of the log of record."""
        return f"{self.prefix}.events.v1"

    @property
    def access(self) -> str:
        """The topic that says who used which memory."""
        return f"{self.prefix}.access.v1"

    @property
    def checkpoints(self) -> str:
        """The topic of the signed checkpoints."""
        return f"{self.prefix}.checkpoints.v1"

    @property
    def topics(self) -> Mapping[str, int]:
        """Every topic and its number of partitions. Checkpoints are few and have one order."""
        return {self.events: self.partitions, self.access: self.partitions, self.checkpoints: 1}

    @property
    def max_batch_bytes(self) -> int:
        """What a request to one partition may weigh, the largest event with its framing included."""
        return self.max_event_bytes + BATCH_OVERHEAD_BYTES


def event_key(tenant: str, cube_id: bytes) -> bytes:
    """The key of a cube's records, which decides their partition. `cube_id` is its 16 bytes."""
    return tenant.encode() + b"\0" + cube_id


def _within(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:
        raise InvalidInput(f"Kafka's {name} is {value}: it should be from {least} to {most}")
