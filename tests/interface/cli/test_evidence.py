"""Proofs and receipts checked by whoever was handed the file, without the vault."""

from __future__ import annotations

import json
import shutil
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.interface.cli.support import Ran, Shell

OTHER = "00000000-0000-7000-8000-000000000000"


class Handed:
    """A printed proof and a printed receipt, of a vault that is no longer here."""

    def __init__(self, shell: Shell, folder: Path) -> None:
        self.shell, self.folder = shell, folder
        shell.run("add", "kept", "--scope", "acme")
        receipt = shell.json("add", "gone", "--scope", "acme")
        self.event_id = receipt["event_id"]
        self.key = shell.json("stats")["verifier_key"]
        self.printed = {
            "check-proof": shell.run("prove", receipt["event_id"], "--json").out,
            "check-receipt": shell.run(
                "erase", "--cube", receipt["cube_id"], "--yes", "--json"
            ).out,
        }
        shutil.rmtree(shell.vault)

    def check(self, command: str, change: Callable[[dict[str, Any]], object]) -> Ran:
        """Check the file after a change of what it says."""
        document = json.loads(self.printed[command])
        change(document["result"])
        file = self.folder / "handed.json"
        file.write_text(json.dumps(document))
        return self.shell.run(command, str(file), "--key", self.key, "--json")


@pytest.fixture
def handed(shell: Shell, tmp_path: Path) -> Handed:
    return Handed(shell, tmp_path)


def test_a_proof_is_checked_without_the_vault(handed: Handed) -> None:
    result = handed.check("check-proof", lambda _: None).result
    assert result["ok"] is True
    assert (result["event_id"], result["kind"]) == (handed.event_id, "Generated")
    assert (result["actor"], result["position"]) == ("agent:alice", "0:1")
    file = handed.folder / "handed.json"
    assert handed.shell.run("check-proof", str(file), "--key", handed.key).out.startswith(
        "proven: "
    )
    assert not handed.shell.vault.exists()


def test_a_receipt_is_checked_without_the_vault(handed: Handed) -> None:
    result = handed.check("check-receipt", lambda _: None).result
    assert result["ok"] is True
    assert len(result["cube_ids"]) == 1
    assert not handed.shell.vault.exists()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("event_id", OTHER),
        ("actor", "agent:eve"),
        ("kind", "Erased"),
        ("cube_id", OTHER),
        ("scope", "rival"),
        ("leaf", "00" * 32),
        ("position", "0:0"),
        ("log_time", "2020-01-01T00:00:00Z"),
        ("log_time", "2020-01-01T00:00:00"),
        ("record", b64encode(b"no event").decode()),
        ("record", None),
        ("path", ["xyz"]),
        ("checkpoint", {"size": 1}),
        ("checkpoint", {"size": "a", "root": 5, "note": None}),
    ],
)
def test_a_proof_that_was_changed_is_refused_before_anyone_reads_it(
    handed: Handed, field: str, value: object
) -> None:
    ran = handed.check("check-proof", lambda result: result.update({field: value}))
    assert ran.code in (2, 6)
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("operation_id", OTHER),
        ("erased_at", "2020-01-01T00:00:00Z"),
        ("cube_ids", []),
        ("cube_ids", [OTHER]),
        ("cube_ids", 7),
        ("restored", [OTHER]),
        ("artefacts", []),
        ("artefacts", [{"kind": "cube"}]),
        ("note", "a note"),
        ("note", None),
    ],
)
def test_a_receipt_that_was_changed_does_not_hold(
    handed: Handed, field: str, value: object
) -> None:
    ran = handed.check("check-receipt", lambda result: result.update({field: value}))
    assert ran.code in (2, 6)


def test_a_receipt_cannot_list_its_cubes_as_something_else(handed: Handed) -> None:
    def rename(result: dict[str, Any]) -> None:
        cubes = [{"kind": "cube", "name": cube_id} for cube_id in result["cube_ids"]]
        result["artefacts"] = cubes + result["artefacts"]
        result["cube_ids"] = []

    assert handed.check("check-receipt", rename).code == 6


def test_a_receipt_cannot_hide_its_cubes_in_a_line_of_something_else(handed: Handed) -> None:
    def hide(result: dict[str, Any]) -> None:
        first, *others = result["artefacts"]
        (cube_id,) = result["cube_ids"]
        hiding = {"kind": f"cube {cube_id}\n{first['kind']}", "name": first["name"]}
        result.update(cube_ids=[], artefacts=[hiding, *others])

    assert handed.check("check-receipt", hide).code == 6


def test_what_a_receipt_says_and_did_not_sign_is_named(handed: Handed) -> None:
    asked = {
        "gone": True,
        "confirmed": True,
        "left": [OTHER],
        "supplements": [],
        "not_compared": [],
        "about": "ann",
    }
    result = handed.check("check-receipt", lambda result: result.update(asked)).result
    assert result["ok"] is True
    assert result["unsigned"] == sorted(asked)
    assert not asked.keys() & result.keys()
    drawn = handed.shell.run(
        "check-receipt", str(handed.folder / "handed.json"), "--key", handed.key
    ).out
    assert (
        "not part of what is signed: about, confirmed, gone, left, not_compared, supplements"
        in drawn
    )


@pytest.mark.parametrize("command", ["check-proof", "check-receipt"])
@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"command": "get", "result": {}}', "\x00"])
def test_a_file_that_is_neither_is_a_usage_error(handed: Handed, command: str, text: str) -> None:
    file = handed.folder / "other.json"
    file.write_text(text)
    assert handed.shell.run(command, str(file), "--key", handed.key).code == 2
    assert handed.shell.run(command, str(file), "--key", "no key").code == 2
    assert handed.shell.run(command, str(handed.folder), "--key", handed.key).code == 2


def test_another_vaults_key_holds_nothing(handed: Handed) -> None:
    other = Shell(handed.folder / "other.vault")
    other.run("add", "other", "--scope", "acme")
    handed.key = other.json("stats")["verifier_key"]
    assert handed.check("check-proof", lambda _: None).code == 6
    assert handed.check("check-receipt", lambda _: None).code == 6
