from __future__ import annotations

import pytest
from confluent_kafka import KafkaError

from memos.infrastructure.log.kafka.client import passes


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
