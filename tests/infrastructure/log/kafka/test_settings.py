"""The settings of Kafka: what they refuse, and that they tell no secret."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from typing import Any

import pytest

from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import KafkaSettings, event_key
from memos.infrastructure.log.kafka.topics import check_topics, create_topics
from memos.infrastructure.servers import LocalServers
from memos.kernel.errors import InvalidInput, LogUnavailable

SECRET = "hunter2-hunter2"
SASL = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.username": "memos",
    "sasl.password": SECRET,
}


def test_topics_carry_the_prefix_and_a_version() -> None:
    settings = KafkaSettings("host:9092", prefix="acme", partitions=12)
    assert settings.topics == {
        "acme.events.v1": 12,
        "acme.access.v1": 12,
        "acme.checkpoints.v1": 1,
    }


def test_the_key_of_a_cube_is_its_tenant_and_its_id() -> None:
    assert event_key("acme", bytes(range(16))) == b"acme\0" + bytes(range(16))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"bootstrap_servers": " "}, "address is empty"),
        ({"prefix": "no spaces"}, "cannot begin a topic's name"),
        ({"partitions": 0}, "from 1 to 256"),
        ({"partitions": 257}, "from 1 to 256"),
        ({"min_insync": 2}, "min_insync is 2: it should be from 1 to 1"),
        ({"timeout": 0}, "timeout"),
        ({"max_event_bytes": 10}, "max_event_bytes"),
        ({"extra": {"acks": "1"}}, "acks cannot be set"),
        ({"extra": {"partitioner": "random", "enable.idempotence": "false"}}, "enable.idempotence"),
    ],
)
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        replace(KafkaSettings("host:9092"), **wrong)


def test_what_may_be_secret_is_hidden_and_the_rest_is_shown() -> None:
    settings = KafkaSettings(
        "host:9092",
        extra={
            **SASL,
            "ssl.key.pem": SECRET,
            "ssl.key.password": SECRET,
            "sasl.oauthbearer.client.secret": SECRET,
            "sasl.oauthbearer.config": SECRET,
            "ssl.ca.location": "ca.pem",
        },
    )
    for text in (repr(settings), str(settings), f"{settings}", f"{[settings]}"):
        assert SECRET not in text
        assert "SASL_PLAINTEXT" in text
        assert "ca.pem" in text


@pytest.mark.usefixtures("engines")
def test_no_error_and_no_log_line_tells_a_secret(
    engines: LocalServers, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = KafkaSettings(engines.address("kafka"), timeout=2, extra=SASL)
    with pytest.raises(LogUnavailable) as refused:
        create_topics(settings)
    with pytest.raises(LogUnavailable):
        KafkaLogs(settings)
    (finding,) = check_topics(settings)
    told = "".join(capfd.readouterr()) + caplog.text + str(refused.value) + str(finding)
    assert SECRET not in told
    assert settings.bootstrap_servers in str(refused.value)


def test_a_setting_that_kafka_does_not_know_is_named() -> None:
    settings = KafkaSettings("127.0.0.1:1", extra={"sasl.pasword": SECRET})
    with pytest.raises(InvalidInput, match=r"sasl\.pasword") as refused:
        create_topics(settings)
    assert SECRET not in str(refused.value)


def test_a_server_that_is_not_there_is_named_long_before_the_time_out() -> None:
    settings, began = KafkaSettings("127.0.0.1:1", timeout=600), time.monotonic()
    with pytest.raises(LogUnavailable, match=r"Kafka at 127\.0\.0\.1:1 does not answer.*doctor"):
        KafkaLogs(settings)
    (finding,) = check_topics(settings)
    assert time.monotonic() - began < 300
    assert finding.severity == "error"
    assert "127.0.0.1:1" in finding.what
