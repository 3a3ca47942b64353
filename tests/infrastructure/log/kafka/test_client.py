from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from memos.infrastructure.log.kafka.client import Connection, passes
from memos.infrastructure.log.kafka.settings import KafkaSettings


@pytest.mark.parametrize(
    ("code", "passing"),
    [
        (KafkaError.NOT_LEADER_FOR_PARTITION, True),
        (KafkaError.LEADER_NOT_AVAILABLE, True),
        (KafkaError.OFFSET_NOT_AVAILABLE, True),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, False),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, False),
    ],
)
def test_what_a_change_of_leader_brings_is_asked_again(code: int, passing: bool) -> None:
    assert passes(KafkaError(code)) is passing


@pytest.mark.parametrize(
    ("code", "reason", "advice"),
    [
        (KafkaError._SSL, "certificate verify failed", "ssl"),
        (KafkaError._TRANSPORT, "error:0A000086:SSL routines::certificate verify failed", "ssl"),
        (KafkaError._TRANSPORT, "Connect to 127.0.0.1:1 failed: Connection refused", "it runs"),
    ],
)
def test_a_handshake_that_failed_is_told_as_such_however_the_client_calls_it(
    code: int, reason: str, advice: str
) -> None:
    connection = Connection(KafkaSettings("127.0.0.1:1"))
    remember = connection.config()["error_cb"]
    remember(KafkaError(code, reason))
    remember(KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down"))
    told = connection.describe("does not answer", KafkaError(KafkaError._TRANSPORT, "no broker"))
    assert advice in told.rpartition("Check")[2]
    assert connection.is_refused is (advice == "ssl")
