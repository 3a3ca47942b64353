"""The contract of what keeps the texts of queries (see `memos.infrastructure.governance.query_texts.port`)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memos.infrastructure.clock import system_time
from memos.infrastructure.governance.query_keys import DAY
from memos.infrastructure.governance.query_texts.port import QueryText, concerns
from tests.conformance.engine.vault import EngineVault, new_id


@pytest.fixture
def keeping(vault: EngineVault) -> Iterator[EngineVault]:
    """A vault that keeps texts for ten days."""
    vault.engine.queries.set_lifetime(10 * DAY)
    try:
        yield vault
    finally:
        vault.engine.queries.set_lifetime(0)


def text(vault: EngineVault, name: str, *cubes: bytes, under: str = "", ago: int = 0) -> QueryText:
    """A text; its box is its name."""
    scope = f"{vault.tenant}{under}"
    asked = system_time() - ago
    return QueryText(new_id(), vault.tenant, scope, asked, cubes, name.encode())


def kept(vault: EngineVault) -> list[str]:
    return [one.box.decode() for one in vault.engine.queries.kept(vault.tenant, system_time())]


def test_a_text_is_kept_until_its_time_is_over(keeping: EngineVault) -> None:
    assert keeping.engine.queries.lifetime() == 10 * DAY
    old, new = text(keeping, "old", ago=9 * DAY), text(keeping, "new")
    keeping.engine.queries.keep([old, new])
    assert kept(keeping) == ["old", "new"]
    later = keeping.engine.queries.kept(keeping.tenant, system_time() + 2 * DAY)
    assert [(one.scope, one.access_id) for one in later] == [(keeping.tenant, new.access_id)]
    keeping.engine.queries.end(system_time())
    assert kept(keeping) == ["old", "new"]
    assert keeping.open().queries.lifetime() == 10 * DAY
    keeping.engine.queries.set_lifetime(0)
    keeping.engine.queries.keep([text(keeping, "unwanted")])
    assert (keeping.engine.queries.lifetime(), kept(keeping)) == (0, [])


def test_texts_go_with_the_cubes_that_they_returned_and_the_scopes_that_they_searched(
    keeping: EngineVault,
) -> None:
    first, second = keeping.add("one").event.cube_id, keeping.add("two").event.cube_id
    keeping.engine.queries.keep(
        [
            text(keeping, "both", first, second, under="/a"),
            text(keeping, "second", second, under="/b/c"),
            text(keeping, "beside", under="/bb"),
            text(keeping, "under", under="/b/c/d"),
        ]
    )
    keeping.engine.writer.transact(lambda transaction: transaction.forget_queries([first], "", 0))
    assert sorted(kept(keeping)) == ["beside", "second", "under"]
    keeping.engine.writer.transact(
        lambda transaction: transaction.forget_queries([], f"{keeping.tenant}/b/c/d", 0)
    )
    assert kept(keeping) == ["beside"]


def test_a_text_that_was_asked_before_its_scope_was_erased_is_not_kept_any_more(
    keeping: EngineVault,
) -> None:
    waiting = [
        text(keeping, "above", ago=60_000_000),
        text(keeping, "within", under="/a/b", ago=60_000_000),
        text(keeping, "beside", under="/b", ago=60_000_000),
    ]
    erased = system_time() - 30_000_000
    scope = f"{keeping.tenant}/a"
    keeping.engine.writer.transact(
        lambda transaction: transaction.forget_queries([], scope, erased)
    )
    keeping.open().queries.keep([*waiting, text(keeping, "since", under="/a")])
    assert sorted(kept(keeping)) == ["beside", "since"]


def test_a_scope_is_searched_with_those_above_and_below_it() -> None:
    searched = [scope for scope in ("a", "a/b", "a/bb", "a/b/c", "x") if concerns(scope, "a/b")]
    assert searched == ["a", "a/b", "a/b/c"]
