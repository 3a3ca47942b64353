"""Every parameter of every public method, given what no caller should pass.

The good calls are held against the signatures, so that a new method or parameter cannot be
forgotten. Whatever is passed, the outcome is a result or an error of MemOS, and an error leaves
nothing half written.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from memos import InvalidInput, Memory, MemosError
from memos.infrastructure.transfer.wrapping import new_recipient
from memos.operation.search.filters import FIELDS, OPERATORS
from tests.interface.attempts import Attempts
from tests.interface.odd import NEW, ODD, SCOPE, TURN, Liar, good_calls, lying

NO_CALL = frozenset({"close", "load_report", "path", "reach"})


METHODS = tuple(
    sorted(
        {name for name, _ in inspect.getmembers(Memory) if not name.startswith("_")} - NO_CALL
        | {"__init__"}
    )
)
KEYED = tuple(
    name
    for name in METHODS
    if "idempotency_key" in inspect.signature(getattr(Memory, name)).parameters
)


def call(memory: Memory, name: str, arguments: Mapping[str, Any]) -> object:
    """Call a method; what it yields is read whole, and what it opens is closed."""
    given = dict(arguments)
    starred = [given.pop(key) for key in list(given) if key.startswith("*")]
    if name == "__init__":
        Memory(**given).close()
        return None
    if starred:
        return getattr(memory, name)(given.pop("cube_id"), *starred, **given)
    result = getattr(memory, name)(**given)
    if isinstance(result, Memory):
        result.close()
    return list(result) if isinstance(result, Iterator) else result


def with_defaults(name: str, good: Mapping[str, Any]) -> dict[str, Any]:
    """A good call with every parameter; what it does not name has its default."""
    parameters = dict(inspect.signature(getattr(Memory, name)).parameters)
    parameters.pop("self", None)
    starred = {key.lstrip("*") for key in good}
    defaults = {key: p.default for key, p in parameters.items() if key not in starred}
    assert inspect.Parameter.empty not in defaults.values(), "tests/interface/odd.py lacks one"
    assert not starred - parameters.keys()
    return {**defaults, **good}


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "test.vault", actor="agent:alice") as opened:
        opened.add("before the cut", scope=SCOPE)
        opened.name_cut("begun")
        opened.export(tmp_path / "export")
        (tmp_path / "lines.jsonl").write_text('{"text": "imported"}\n')
        yield opened


class Tries(Attempts):
    """Calls of methods by their names."""

    def call(self, what: str, name: str, arguments: Mapping[str, Any]) -> None:
        self.run(what, partial(call, self._memory, name, arguments))


@pytest.mark.parametrize("name", METHODS)
def test_an_odd_argument_is_a_result_or_a_typed_error(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    good = with_defaults(name, good_calls(memory, tmp_path).get(name, {}))
    tries = Tries(memory)
    for parameter in good:
        for odd, value in ODD.items():
            tries.call(f"{name}({parameter}={odd})", name, {**good, parameter: value})
    tries.check()
    assert memory.rebuild().digest == memory.digest()


@pytest.mark.parametrize("name", KEYED)
def test_an_odd_argument_beside_a_key_is_a_result_or_a_typed_error(
    memory: Memory, tmp_path: Path, name: str
) -> None:
    good = with_defaults(name, good_calls(memory, tmp_path)[name])
    tries = Tries(memory)
    for parameter in good.keys() - {"idempotency_key"}:
        for odd, value in ODD.items():
            what = f"{name}({parameter}={odd})"
            tries.call(what, name, {**good, "idempotency_key": what, parameter: value})
    if name == "add_many":
        for field in NEW:
            for odd, value in ODD.items():
                item = {**NEW, "idempotency_key": f"{field} {odd}", field: value}
                tries.call(f"item {field}={odd}", name, {"items": [item]})
    tries.check()
    assert memory.rebuild().digest == memory.digest()


@pytest.mark.parametrize("wrapped", ["passphrase", "recipient"])
def test_an_odd_passphrase_or_key_of_an_export_is_a_typed_error(
    memory: Memory, tmp_path: Path, wrapped: str
) -> None:
    pair = new_recipient()
    given = {"passphrase": "open sesame", "recipient": pair.public}[wrapped]
    opens = {"passphrase": "passphrase", "recipient": "recipient_key"}[wrapped]
    memory.export(tmp_path / "wrapped", **{wrapped: given})  # type: ignore[arg-type]
    tries = Tries(memory)
    for odd, value in ODD.items():
        if isinstance(value, str) and wrapped == "passphrase":
            continue  # one like another, and each takes its half second
        place = {"path": tmp_path / "wrapped", opens: value}
        tries.call(f"import_export({opens}={odd})", "import_export", place)
        tries.call(f"load({opens}={odd})", "load", {**place, "into": tmp_path / "loaded"})
    tries.check()
    assert not (tmp_path / "loaded").exists()


def test_a_clock_that_gives_no_time_is_a_typed_error(memory: Memory, tmp_path: Path) -> None:
    before = memory.stats().memories
    told = []
    for odd, value in ODD.items():
        try:
            with Memory(tmp_path / "test.vault", clock=lambda: value) as opened:  # noqa: B023
                opened.add("told by an odd clock", scope=SCOPE)
        except InvalidInput:
            continue
        told.append(odd)
    assert told == ["zero", "negative"]
    assert memory.stats().memories == before + 2
    assert memory.audit().ok


@pytest.mark.parametrize("name", METHODS)
def test_a_text_of_a_class_of_its_own_is_taken_for_what_it_holds(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    good = with_defaults(name, good_calls(memory, tmp_path).get(name, {}))
    given = {key: lying(value) for key, value in good.items()}
    try:
        call(memory, name, given)
    except MemosError as told:
        with pytest.raises(type(told)):
            call(memory, name, good)
    memory.search(Liar("pot"), scope=SCOPE)
    log = memory._session.access_log
    log.flush()
    assert (log.failure, log.waiting) == ("", 0)


@pytest.mark.parametrize("field", [*NEW, "unknown"])
def test_an_odd_field_of_an_item_is_a_typed_error(memory: Memory, field: str) -> None:
    tries = Tries(memory)
    for odd, value in ODD.items():
        items = [NEW, {**NEW, field: value}]
        tries.call(f"item {field}={odd}", "add_many", {"items": items})
    tries.check()


@pytest.mark.parametrize("field", [*TURN, "unknown"])
def test_an_odd_field_of_a_turn_is_a_typed_error(memory: Memory, field: str) -> None:
    tries = Tries(memory)
    for odd, value in ODD.items():
        turns = [TURN, {**TURN, field: value}]
        tries.call(
            f"turn {field}={odd}",
            "add_conversation",
            {"turns": turns, "scope": SCOPE, "session": "one"},
        )
    tries.check()


def test_an_odd_lifespan_is_a_typed_error(memory: Memory) -> None:
    tries = Tries(memory)
    for field in ("after", "renewed_by_access", "then", "half_life", "since", "unknown"):
        for odd, value in ODD.items():
            lifespan = {"after": "90d", field: value}
            tries.call(f"lifespan {field}={odd}", "add", {**NEW, "lifespan": lifespan})
    tries.check()


@pytest.mark.parametrize("field", [*sorted(FIELDS), "metadata.a", "and", "or", "not", "unknown"])
def test_an_odd_filter_is_a_typed_error(memory: Memory, field: str) -> None:
    for _ in range(2):
        memory.add("a pot", scope=SCOPE, metadata={"a": [1, {"b": 2}]}, valid_from="2023-01-01")
    tries = Tries(memory)
    for odd, value in ODD.items():
        conditions = [{field: value}, *({field: {op: value}} for op in OPERATORS)]
        for condition in conditions:
            found = {"query": "pot", "scope": SCOPE, "filter": condition}
            tries.call(f"filter {field} {odd}", "search", found)
    tries.check()


@pytest.mark.parametrize("value", [10**30, 0, True, "2"])
def test_a_number_out_of_bounds_is_called_by_its_arguments_name(memory: Memory, value: Any) -> None:
    cube_id = memory.add("pottery", scope="acme/a").cube_id
    with pytest.raises(InvalidInput, match="depth must be"):
        memory.lineage(cube_id, depth=value)
    with pytest.raises(InvalidInput, match="limit must be"):
        memory.extract_facts("acme", limit=value)
    with pytest.raises(InvalidInput, match="k must be"):
        memory.search("pottery", scope="acme", k=value)
