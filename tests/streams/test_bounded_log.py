"""What is written of a log while a server is away."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from streams import bounded_log
from streams.bounded_log import MOST, BoundedLines


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(BoundedLines())
    log = logging.getLogger("bounded")
    log.propagate = False
    log.setLevel(logging.INFO)
    log.addHandler(handler)
    yield stream
    log.removeHandler(handler)


def lines(stream: io.StringIO) -> list[str]:
    return stream.getvalue().splitlines()


def test_of_one_kind_a_few_are_written_whatever_they_name(written: io.StringIO) -> None:
    log = logging.getLogger("bounded")
    for number in range(500):
        log.warning("node %d cannot be reached", number)
        log.error(f"the node {number} is away")  # noqa: G004 - as libraries do
    assert len(lines(written)) == 2 * MOST
    log.warning("another kind")
    assert lines(written)[-1] == "another kind"


def test_the_next_one_says_how_many_were_kept_back(
    written: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logging.getLogger("bounded")
    for _ in range(MOST + 7):
        log.warning("%s is away", "Kafka")
    monkeypatch.setattr(bounded_log, "EVERY_SECONDS", 0.0)
    log.warning("%s is away", "Kafka")
    assert lines(written)[-1] == "Kafka is away (7 lines like this were kept back)"
    log.warning("%s is away", "Kafka")
    assert lines(written)[-1] == "Kafka is away"


def test_what_goes_on_and_what_stops_is_always_written(written: io.StringIO) -> None:
    log = logging.getLogger("bounded")
    for number in range(50):
        log.info("partition %d goes on", number)
        log.critical("partition %d STOPPED", number)
    assert len(lines(written)) == 100
