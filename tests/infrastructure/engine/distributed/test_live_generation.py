"""Readers follow a rebuild once its projections are as far as those that they read."""

from __future__ import annotations

import pytest

from memos.infrastructure.engine.distributed import live_generation
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.stores import Stores, open_generation
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.writer import FOLD

INDEX = "index"


def test_a_reader_follows_once_the_new_projections_are_as_far_or_after_a_while(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_generation, "GENERATION_SECONDS", -1.0)
    monkeypatch.setattr(live_generation, "AGAIN_SECONDS", -1.0)
    monkeypatch.setattr(live_generation, "FOLLOW_SECONDS", 1e9)
    replaced = stores.live()
    for projection in (FOLD, INDEX):
        replaced.writer.write_checkpoint(projection, 1, 5, 1, 1)
    reader, other = LiveGeneration(stores), LiveGeneration(stores)
    made = open_generation(stores.cassandra, schema.new_generation(stores.cassandra))
    schema.let_switch(stores.cassandra, "rebuild")
    schema.switch_to(stores.cassandra, made.number, "rebuild")
    made.writer.write_checkpoint(FOLD, 1, 5, 1, 1)
    made.writer.write_checkpoint(INDEX, 1, 4, 1, 1)
    assert reader().number == other().number == replaced.number
    made.writer.write_checkpoint(INDEX, 1, 5, 1, 1)
    assert reader().number == made.number
    replaced.writer.write_checkpoint(FOLD, 1, 9, 1, 1)  # which none will ever reach
    assert other().number == replaced.number
    monkeypatch.setattr(live_generation, "FOLLOW_SECONDS", -1.0)
    assert other().number == made.number


def test_who_must_be_certain_waits_for_the_new_projections(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_generation, "FOLLOW_SECONDS", 1.0)
    reader = LiveGeneration(stores)
    replaced = reader()
    replaced.writer.write_checkpoint(FOLD, 2, 5, 1, 1)
    made = open_generation(stores.cassandra, schema.new_generation(stores.cassandra))
    schema.let_switch(stores.cassandra, "again")
    schema.switch_to(stores.cassandra, made.number, "again")
    assert reader().number == replaced.number  # it looked a moment ago
    assert reader.settled().number == made.number  # though it is behind, and stays so
