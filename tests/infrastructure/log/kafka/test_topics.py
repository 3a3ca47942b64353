"""The topics: made once with what a log of record needs; unsafe ones are found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from confluent_kafka.admin import AdminClient

from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import (
    check_topics,
    create_topics,
    judge_broker,
    judge_topic,
    topic_config,
)
from memos.infrastructure.reports import Finding
from memos.kernel.errors import LogUnavailable, PartitionsChanged
from tests.infrastructure.log.kafka.broker_settings import make_topic, set_partitions, set_topic


def errors(findings: tuple[Finding, ...]) -> list[str]:
    return [finding.what for finding in findings if finding.severity == "error"]


def test_topics_are_made_once_and_are_safe_but_for_their_single_copy(
    settings: KafkaSettings,
) -> None:
    assert set(create_topics(settings)) == set(settings.topics)
    assert create_topics(settings) == ()
    findings = check_topics(settings, expected_partitions=4)
    assert [(f.severity, "one copy" in f.what) for f in findings] == [("warning", True)] * 3


def test_missing_topics_are_found_and_no_log_opens_without_them(settings: KafkaSettings) -> None:
    assert errors(check_topics(settings)) == [f"there is no topic {t}" for t in settings.topics]
    with pytest.raises(LogUnavailable, match=f"has no topic {settings.events}.*[Mm]ake the topics"):
        KafkaLogs(settings)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cleanup.policy", "compact"),
        ("cleanup.policy", "compact,delete"),
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000000"),
        ("message.timestamp.type", "CreateTime"),
        ("unclean.leader.election.enable", "true"),
        ("max.message.bytes", "1000"),
    ],
)
def test_an_unsafe_topic_is_found(
    settings: KafkaSettings, admin: AdminClient, name: str, value: str
) -> None:
    create_topics(settings)
    set_topic(admin, settings.events, name, value)
    findings = check_topics(settings)
    (told,) = errors(findings)
    assert told.startswith(f"{settings.events} has {name}=")
    assert any(f"set {name}=" in finding.mend for finding in findings)


def test_partitions_that_someone_added_are_refused_and_take_nothing(
    settings: KafkaSettings, admin: AdminClient
) -> None:
    create_topics(settings)
    entries = [(b"key %d" % n, b"event") for n in range(50)]
    with KafkaLogs(settings) as logs:
        before = [record.position.partition for record in logs.events.append(entries)]
        set_partitions(admin, settings.events, 6)
        after = [record.position.partition for record in logs.events.append(entries)]
        assert after == before
    with pytest.raises(PartitionsChanged, match="has 6 partitions, and the vault was made with 4"):
        KafkaLogs(settings)
    with pytest.raises(PartitionsChanged):
        create_topics(settings)
    assert len(errors(check_topics(settings))) == 1


def test_the_number_of_partitions_that_the_vault_recorded_counts(settings: KafkaSettings) -> None:
    create_topics(settings)
    told = errors(check_topics(settings, expected_partitions=8))
    assert len(told) == 2  # events and access; checkpoints have one partition always
    assert all("made with 8" in each for each in told)
    with pytest.raises(PartitionsChanged):
        KafkaLogs(replace(settings, partitions=8))


def test_a_topic_made_by_hand_is_left_and_judged(
    settings: KafkaSettings, admin: AdminClient
) -> None:
    make_topic(admin, settings.events, 4)
    assert settings.events not in create_topics(settings)
    told = " ".join(errors(check_topics(settings)))
    assert "retention.ms" in told
    assert "message.timestamp.type=CreateTime" in told


def test_fewer_copies_than_asked_for_are_found() -> None:
    settings = KafkaSettings("host:9092", replication=3, min_insync=2)
    safe = topic_config(settings)
    assert list(judge_topic("log", safe, 3, settings)) == []
    weak = {**safe, "min.insync.replicas": "1"}
    severities = [finding.severity for finding in judge_topic("log", weak, 3, settings)]
    assert severities == ["error", "warning"]
    (single,) = judge_topic("log", safe, 1, settings)
    assert "one copy" in single.what


@pytest.mark.parametrize(
    ("config", "severities"),
    [
        ({"auto.create.topics.enable": "false"}, []),
        ({"auto.create.topics.enable": "true"}, ["warning"]),
        ({"inter.broker.protocol.version": "3.9-IV0"}, []),
        ({"inter.broker.protocol.version": "2.0-IV1"}, ["error"]),
        ({"inter.broker.protocol.version": "0.11.0-IV2"}, ["error"]),
    ],
)
def test_an_unsafe_broker_is_found(config: dict[str, str], severities: list[str]) -> None:
    assert [finding.severity for finding in judge_broker("broker 1", config)] == severities
