"""What passes between Faust and a lane."""

from __future__ import annotations

from typing import Protocol


class Message(Protocol):
    """The part of a Kafka record that a lane reads; `timestamp` is in seconds since 1970."""

    offset: int
    timestamp: float
    timestamp_type: int
    value: bytes | None


class Delivery(Protocol):
    """A record that Faust hands over, and that may be acknowledged."""

    message: Message

    def ack(self) -> bool:
        """Acknowledge it: the record is taken for good."""
        ...


class RecordSource(Protocol):
    """Where a lane's records come from."""

    async def seek(self, partition: int, offset: int) -> None:
        """Send the partition's records again, from an offset."""
        ...

    def hold(self, partition: int) -> None:
        """Send no more of a partition for now."""
        ...

    def resume(self, partition: int) -> None:
        """Send a held partition's records again."""
        ...
