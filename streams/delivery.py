"""What passes between Faust and a lane."""

from __future__ import annotations

from typing import Protocol


class Message(Protocol):
    """What is read of a Kafka record; `timestamp` is in seconds."""

    offset: int
    timestamp: float
    timestamp_type: int
    value: bytes | None


class Delivery(Protocol):
    """A record that Faust hands over, and may hear back of."""

    message: Message

    def ack(self) -> bool:
        """It is taken for good."""
        ...


class Source(Protocol):
    """Where a lane's records come from."""

    async def seek(self, partition: int, offset: int) -> None:
        """Send the partition's records again, from an offset."""
        ...

    def hold(self, partition: int) -> None:
        """Send no more of a partition for now."""
        ...

    def go_on(self, partition: int) -> None:
        """Send a held partition's records again."""
        ...
