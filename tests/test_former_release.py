"""What a former release wrote opens, reads, searches and digests as it did then.

`tests/fixtures/make.py` made each fixture with the release that its directory names.
"""

from __future__ import annotations

import json
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from memos import (
    ErasureReceipt,
    Forgotten,
    Memory,
    OtherContent,
    Position,
    SignedCheckpoint,
)
from memos.infrastructure.keys.signer import NoteVerifier
from memos.kernel.merkle import verify_inclusion
from memos.kernel.note import Checkpoint, open_note
from tests.fixtures.cassandra_rows import FILE, rows_of_histories, tables
from tests.fixtures.make import ADMINISTRATOR, load_both
from tests.fixtures.observation import FAR_AHEAD, as_json, observe, of_then

FIXTURES = Path(__file__).parent / "fixtures"
RELEASES = sorted(path.name for path in FIXTURES.glob("release_*"))
# It is no name of the public API, and stands beside the receipt wherever that is.
Artefact = sys.modules[ErasureReceipt.__module__].Artefact


class Former:
    """The fixture of a release, its vault copied to where it may be written."""

    def __init__(self, release: str, place: Path) -> None:
        self.directory = FIXTURES / release
        self.place = place
        self.truth = json.loads((self.directory / "truth.json").read_text("utf-8"))
        self.written = self.truth["written"]
        self.vault = place / "vault"
        shutil.copytree(self.directory / "vault", self.vault)
        for file in self.vault.iterdir():  # git keeps no permissions, and keys are nobody's
            file.chmod(0o600)

    def clock(self) -> int:
        """The time at which the truth was observed."""
        return int(self.truth["now"])

    def open(self) -> Memory:
        """The copied vault."""
        return Memory(self.vault, actor=ADMINISTRATOR, clock=self.clock, create=False)


@pytest.fixture(params=RELEASES)
def former(request: pytest.FixtureRequest, tmp_path: Path) -> Former:
    return Former(request.param, tmp_path)


def to_twelve_digits(value: Any) -> Any:
    """JSON with its floats rounded: the last bit of a logarithm is the processor's."""
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {name: to_twelve_digits(part) for name, part in value.items()}
    return [to_twelve_digits(part) for part in value] if isinstance(value, list) else value


def as_records_were(value: Any) -> Any:
    """Records of the log without what they tell since of their sealed part."""
    if isinstance(value, dict) and value.keys() >= {"event_id", "result", "reason"}:
        told = {name: part for name, part in value.items() if name not in ("source", "metadata")}
        return {**told, "reason": value["reason"] if value["result"] == "rejected" else ""}
    if isinstance(value, dict):
        return {name: as_records_were(part) for name, part in value.items()}
    return [as_records_were(part) for part in value] if isinstance(value, list) else value


RANKED = ("searches", "context", "route", "related")
"""Reads whose order and scores are a recipe's, which has a version: what they find is compared."""


def found(value: Any) -> Any:
    """What a ranked read found, without order and scores."""
    if isinstance(value, dict):
        kept = value.keys() - {"score", "explain", "why", "share", "created"}
        return {name: found(value[name]) for name in kept}
    if isinstance(value, list):
        return sorted(map(found, value), key=lambda part: json.dumps(part, sort_keys=True))
    return sorted(value.splitlines()) if isinstance(value, str) and "\n" in value else value


def found_by(context: Any) -> list[tuple[str, int]]:
    """The memories that a block is of: how it cites them, and so how many fit, has changed since."""
    named = [*context["citations"], *context["left_out"]]
    return sorted((cite["cube_id"], cite["version"]) for cite in named)


def led_to(route: Any) -> dict[str, Any]:
    """Where a route leads, whatever its memories take: a citation takes less since."""
    facts = [*(fact["cube_id"] for fact in route["facts"]), *route["left_out"]]
    return {"topics": route["topics"], "concepts": route["concepts"], "facts": sorted(facts)}


def test_there_is_a_fixture() -> None:
    assert "release_0_1" in RELEASES


def test_every_read_gives_what_it_gave_then(former: Former) -> None:
    with former.open() as memory:
        seen = observe(memory, former.written["cubes"])
    expected = former.truth["observed"]
    assert seen.keys() == expected.keys()
    for observed in (seen, expected):
        observed["context"] = found_by(observed["context"])
        observed["route"] = led_to(observed["route"])
        observed |= {name: found(observed[name]) for name in RANKED}
    # What an extractor keeps of its work, in a scope of its own, was counted then, and so were two vocabularies.
    expected["stats"]["states"]["Generated"] -= 3
    expected["stats"]["scopes"] -= 2
    for name, value in as_records_were(seen).items():
        then = expected[name]
        assert to_twelve_digits(of_then(value, then)) == to_twelve_digits(then), name


def test_the_vault_is_sound_and_rebuilds_to_the_same_digest(former: Former) -> None:
    with former.open() as memory:
        assert memory.verify().problems == ()
        assert memory.audit().problems == ()
        rebuilt = memory.rebuild()
        assert rebuilt.digest == memory.digest() == former.truth["observed"]["digest"]
        assert (rebuilt.undecodable, rebuilt.unreadable) == ((), ())
        assert memory.usage_digest() == former.truth["observed"]["usage_digest"]
        seen = observe(memory, former.written["cubes"])
        expected = former.truth["observed"]["searches"]
        now, then = map(found, (seen["searches"], expected))
        assert to_twelve_digits(of_then(now, then)) == to_twelve_digits(then)


def test_proofs_checkpoints_and_receipts_of_then_still_verify(former: Former) -> None:
    key = former.truth["observed"]["verifier_key"]
    checkpoint = SignedCheckpoint(**former.written["checkpoint"])
    shown = former.written["proof"]  # its leaf, without the event: proofs of then had no more
    note = open_note(shown["checkpoint"]["note"], [NoteVerifier(key)])
    signed = Checkpoint.parse(note.text)
    position, leaf = Position.parse(shown["position"]), bytes.fromhex(shown["leaf"])
    path = [bytes.fromhex(node) for node in shown["path"]]
    assert verify_inclusion(leaf, position.offset, signed.size, path, signed.root)
    given = former.written["erased"]
    receipt = ErasureReceipt(
        given["operation_id"],
        datetime.fromisoformat(given["erased_at"]),
        tuple(given["cube_ids"]),
        tuple(given["restored"]),
        tuple(Artefact(**artefact) for artefact in given["artefacts"]),
        given["note"],
        given["confirmed"],
        given["gone"],
    )
    assert as_json(receipt) == {**given, "left": [], "supplements": [], "not_compared": []}
    assert receipt.verify(key)
    with former.open() as memory:
        memory.add("Written by another release.", scope="acme/caroline")
        grown = memory.prove_consistency(checkpoint)
        assert grown.checkpoint.size > checkpoint.size
        assert grown.verify(checkpoint.root, key)
        again = memory.prove(shown["event_id"])
        assert (again.leaf, again.position) == (shown["leaf"], position)
        assert again.verify(key)
        for cube_id in receipt.cube_ids:
            assert isinstance(memory.get(cube_id), Forgotten)


def test_a_retry_of_a_call_of_then_gives_its_receipts(former: Former) -> None:
    with former.open() as memory:
        for call in former.written["keyed"]:
            receipts = getattr(memory, call["call"])(**call["arguments"])
            assert of_then(as_json(receipts), call["receipts"]) == call["receipts"], call["call"]
        assert memory.digest() == former.truth["observed"]["digest"]
        with pytest.raises(OtherContent):
            memory.add(**{**former.written["keyed"][0]["arguments"], "text": "Other words."})


def test_facts_that_were_extracted_then_are_not_extracted_again(former: Former) -> None:
    with former.open() as memory:
        report = memory.extract_facts("acme/renata")
    assert (report.read, report.added, report.left) == (0, 0, 0)


def test_what_was_due_then_ends_as_it_would_have(former: Former) -> None:
    with former.open() as memory:
        observe(memory, former.written["cubes"])  # as then: a lifespan is renewed by use
    with Memory(former.vault, actor=ADMINISTRATOR, clock=lambda: FAR_AHEAD) as memory:
        swept = as_json(memory.sweep())
        assert {name: swept[name] for name in former.truth["swept"]} == former.truth["swept"]
        assert memory.audit().ok


def test_exports_of_then_load_to_the_same_digest_and_searches(former: Former) -> None:
    loaded = load_both(former.directory, former.place, former.clock)
    for name in ("complete", "partial"):
        assert found(as_json(loaded[name])) == found(former.truth[name]), name
    assert loaded["complete"]["digest"] == former.truth["observed"]["digest"]


def test_an_export_of_then_adds_nothing_to_its_own_vault(former: Former) -> None:
    with former.open() as memory:
        report = memory.import_export(former.directory / "complete.memos")
        assert report.refused == ()
        assert memory.digest() == former.truth["observed"]["digest"]


@pytest.mark.parametrize("release", RELEASES)
def test_the_golden_histories_are_the_rows_in_cassandra_that_they_were(release: str) -> None:
    kept = json.loads((FIXTURES / release / FILE).read_text("utf-8"))
    rows = rows_of_histories()
    assert rows.keys() >= kept["rows"].keys()
    for history, expected in kept["rows"].items():
        assert rows[history] == expected, history


@pytest.mark.parametrize("release", RELEASES)
def test_the_tables_of_cassandra_change_with_their_version_only(release: str) -> None:
    kept = json.loads((FIXTURES / release / FILE).read_text("utf-8"))["tables"]
    present = tables()
    assert present == kept or present["version"] > kept["version"]
