"""A copy of the vault from before an erase is held to the list of erases that lies apart from it."""

from __future__ import annotations

import time
import warnings
from contextlib import closing
from pathlib import Path

import pytest

from memos import Forgotten, Memory
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed import listed_erases
from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.keys.erased_list import ERASED_FILE, Erased, ErasedList, read_erased
from memos.kernel.errors import ReadOnly
from memos.kernel.event import id_bytes
from memos.kernel.keyed_digest import SUBJECT
from tests.scenarios.place import Place, read


def list_of(place: Place) -> Path:
    """Where the list of erases of this vault is."""
    directory = Path(place.path).parent
    return (directory / "team.vault" if place.is_embedded else directory) / ERASED_FILE


def erased_elsewhere(memory: Memory, *cube_ids: str, subjects: tuple[bytes, ...] = ()) -> Erased:
    """The line of an erase of which this copy of the vault knows nothing."""
    session = memory._session
    return Erased(
        session.engine.origin,
        time.time_ns() // 1000,
        tuple(map(id_bytes, cube_ids)),
        subjects,
        session.new_id(),
    )


def digests(memory: Memory, tenant: str, subject: str) -> tuple[bytes, ...]:
    return tuple(memory._session.digests.lookups(tenant, SUBJECT, subject))


def test_whoever_opens_an_older_copy_erases_again_what_the_list_names(
    place: Place, memory: Memory, tenant: str
) -> None:
    named = memory.add("Ann paints.", scope=tenant).cube_id
    derived = memory.add("Somebody paints.", scope=tenant).cube_id
    memory.freeze(derived)
    hers = memory.add("Caroline sings.", scope=tenant, subject="caroline").cube_id
    kept = memory.add("The kiln is red.", scope=tenant).cube_id
    line = erased_elsewhere(memory, named, derived, subjects=digests(memory, tenant, "caroline"))
    ErasedList(list_of(place)).append([line])
    with pytest.raises(ReadOnly, match="open it for writing once"):
        place.open(mode="read")
    with pytest.warns(UserWarning, match="3 of its memories were erased"):
        reopened = place.open()
    assert all(isinstance(reopened.get(raw), Forgotten) for raw in (named, derived, hers))
    assert read(reopened, kept).text == "The kiln is red."
    assert [hit.cube_id for hit in reopened.search("Caroline kiln", scope=tenant)] == [kept]


def test_a_list_is_taken_once_and_a_later_consent_stays(
    place: Place, memory: Memory, tenant: str
) -> None:
    memory.add("Dora sings.", scope=tenant, subject="dora")
    line = erased_elsewhere(memory, subjects=digests(memory, tenant, "dora"))
    ErasedList(list_of(place)).append([line])
    with pytest.warns(UserWarning, match="erased again"):
        again = place.open().add("Dora sings anew.", scope=tenant, subject="dora").cube_id
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read(place.open(), again).text == "Dora sings anew."


def test_an_erase_is_in_the_list_before_it_is_done(
    place: Place, memory: Memory, tenant: str
) -> None:
    cube_id = memory.add("Emil rows.", scope=tenant, subject="emil").cube_id
    subjects = set(digests(memory, tenant, "emil"))
    memory.erase(subject="emil")
    lines = read_erased(list_of(place))
    assert id_bytes(cube_id) in {raw for line in lines for raw in line.cube_ids}
    assert subjects & {subject for line in lines for subject in line.subjects}


def other_machine(place: Place, tmp_path: Path) -> Path:
    """The settings of the same vault on servers, with a list of erases of their own."""
    settings = load_settings(Path(place.path))
    text = Path(place.path).read_text()
    other = tmp_path / "other" / "memos.toml"
    other.parent.mkdir()
    other.write_text(
        text.replace('"root.key"', f'"{settings.root_key}"\nerased_list = "erased.jsonl"')
    )
    return other


def test_another_machines_list_learns_of_each_erase_and_is_not_taken_again(
    place: Place, memory: Memory, tenant: str, tmp_path: Path
) -> None:
    if place.is_embedded:
        pytest.skip("a vault in a directory has one list")
    cube_id = memory.add("Fay swims.", scope=tenant).cube_id
    memory.erase(cube_id=cube_id)
    line = erased_elsewhere(memory, memory.add("Gus swims.", scope=tenant).cube_id)
    other = other_machine(place, tmp_path)
    for path in (other.with_name(ERASED_FILE), list_of(place)):
        ErasedList(path).append([line])
    with pytest.warns(UserWarning, match="1 of its memories were erased"):
        place.open()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Memory(other, actor="agent:alice").close()
    lines = read_erased(other.with_name(ERASED_FILE))
    assert id_bytes(cube_id) in {raw for each in lines for raw in each.cube_ids}


def test_after_a_loss_was_accepted_all_that_is_known_of_erases_is_held_against_the_vault(
    place: Place, memory: Memory, tenant: str, tmp_path: Path
) -> None:
    if place.is_embedded:
        pytest.skip("a vault in a directory loses its log and its keys at once")
    erased = memory.erase(cube_id=memory.add("Hal runs.", scope=tenant).cube_id)
    other = other_machine(place, tmp_path)
    settings = load_settings(other)
    with closing(CassandraSession(settings.cassandra)) as store:
        listed_erases.say_put_back(settings, store)
    with pytest.warns(UserWarning, match=r"is not there, and the newest receipt that is known"):
        Memory(other, actor="agent:alice").close()
    (line,) = [
        line
        for line in read_erased(settings.erased_list)
        if line.operation_id == id_bytes(erased.operation_id)
    ]
    assert line.cube_ids == tuple(map(id_bytes, erased.cube_ids))
    assert line.time == round(erased.erased_at.timestamp() * 1e6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Memory(other, actor="agent:alice").close()
