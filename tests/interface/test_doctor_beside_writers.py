"""The doctor of a vault that others work on, or that lies elsewhere than the program does now."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from memos import Memory, doctor

ROUNDS = 40


@contextmanager
def beside(work: Callable[[int], object]) -> Iterator[None]:
    """Meanwhile a thread works, with a number that grows."""
    ending, failed = threading.Event(), []

    def run() -> None:
        number = 0
        try:
            while not ending.is_set():
                work(number)
                number += 1
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
    assert failed == []


def test_a_vault_that_gets_memories_and_keys_meanwhile_is_well(vault: Path, memory: Memory) -> None:
    def write(number: int) -> None:
        memory.add(f"Jar {number}.", scope=f"tenant-{number}/jars", subject=f"person-{number}")

    with beside(write):
        found = {finding.what for _ in range(ROUNDS) for finding in doctor(vault)}
    assert found == set()


def test_a_vault_that_is_erased_from_meanwhile_has_no_error(vault: Path, memory: Memory) -> None:
    def erase(number: int) -> None:
        memory.add(f"Jar {number}.", scope="acme/jars", subject=f"person-{number}")
        memory.erase(subject=f"person-{number}")

    with beside(erase):
        findings = [finding for _ in range(ROUNDS) for finding in doctor(vault)]
    assert [finding for finding in findings if finding.severity == "error"] == []


def test_a_program_that_goes_to_another_directory_has_its_vault_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with Memory("team.vault", actor="agent:alice") as memory:
        memory.add("She likes tea.", scope="acme/alice")
        monkeypatch.chdir(tmp_path / "there")
        memory.add("He likes coffee.", scope="acme/bob")
        assert len(memory.search("likes", scope="acme")) == 2
        memory.erase(scope="acme/bob")
    assert list((tmp_path / "there").iterdir()) == []
    with Memory(tmp_path / "here" / "team.vault", create=False) as memory:
        assert memory.count(scope="acme") == 1


def test_what_cannot_be_written_is_told_of_its_own_vault_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    memory = Memory("team.vault", actor="agent:alice")
    memory.search("tea", scope="acme")
    memory._session.access_log.failure = "the disk is full"
    monkeypatch.chdir(tmp_path / "there")
    Memory("team.vault", actor="agent:alice").close()
    assert doctor("team.vault") == ()
    (finding,) = doctor(tmp_path / "here" / "team.vault")
    assert "the disk is full" in finding.what
    memory.close()
