"""How a command line is read, and what is said where it does not fit."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest

from memos import InvalidInput, Memory
from memos.infrastructure.index.models.embedders.minilm import PACKAGE
from memos.interface.cli.root_command import texts_last
from memos.interface.cli.wording import names_of, spoken
from tests.interface.cli.support import Shell
from tests.multilingual import installed

TAKES = {"--scope": True, "--json": False, "-k": True, "--reason": True}


@pytest.mark.parametrize(
    ("line", "read"),
    [
        (["- tea", "--scope", "a"], ["--scope", "a", "--", "- tea"]),
        (["ID", "-5 degrees", "--json"], ["--json", "--", "ID", "-5 degrees"]),
        (["-5"], ["--", "-5"]),
        (["x", "--reason", "- why", "-k", "-1"], ["x", "--reason", "- why", "-k", "-1"]),
        (["x", "--scope=a b"], ["x", "--scope=a b"]),
        (["--note to self", "--", "-x"], ["--note to self", "--", "-x"]),
        (["-verbose"], ["-verbose"]),
        (["-", "--json"], ["-", "--json"]),
    ],
)
def test_a_text_that_begins_with_a_dash_is_taken_for_one(line: list[str], read: list[str]) -> None:
    assert texts_last(line, TAKES) == read


def test_texts_that_begin_with_a_dash_are_remembered(shell: Shell) -> None:
    cube_id = shell.add("- a list\n- of two")
    shell.json("update", cube_id, "-5 degrees", "--reason", "- measured")
    assert shell.json("get", cube_id)["text"] == "-5 degrees"
    refused = shell.run("add", "-verbose", "--scope", "acme")
    assert (refused.code, "goes behind --" in refused.err) == (2, True)
    assert shell.run("add", "--scope", "acme", "--", "-verbose").code == 0


@pytest.mark.parametrize("unseen", ["\u200b", "\ufeff", "\x00", "\u3164", "\u00ad \u2060"])
def test_a_text_of_which_nothing_is_to_be_seen_is_empty(shell: Shell, unseen: str) -> None:
    with Memory(shell.vault) as memory:
        receipt = memory.add("Tea. \u200b", scope="acme")
        with pytest.raises(InvalidInput, match="the text is empty"):
            memory.add(unseen, scope="acme")
        with pytest.raises(InvalidInput, match="the text is empty"):
            memory.update(receipt.cube_id, unseen)
        with pytest.raises(InvalidInput, match="the text is empty"):
            memory.add_conversation([{"text": unseen}], scope="acme", session="1")


@pytest.mark.parametrize("empty", ["", " ", "\n\t"])
def test_an_empty_text_is_refused(shell: Shell, empty: str) -> None:
    assert shell.run("add", "-", "--scope", "acme", stdin=empty).code == 2
    assert not shell.vault.exists()
    cube_id = shell.add("Tea.")
    for line in (("add", empty, "--scope", "acme"), ("update", cube_id, empty)):
        ran = shell.run(*line)
        assert (ran.code, "the text is empty" in ran.err) == (2, True)
    assert shell.json("stats")["memories"] == 1


def test_a_turn_may_be_a_picture_alone_and_no_other_is_empty(shell: Shell) -> None:
    with Memory(shell.vault) as memory:
        said: dict[str, Any] = {"scope": "acme", "session": "1"}
        memory.add_conversation([{"text": "", "caption": "a copper violin"}], **said)
        assert len(memory.search("violin", scope="acme")) == 1
        with pytest.raises(InvalidInput, match="the text is empty"):
            memory.add_conversation([{"text": ""}], **said)
        with pytest.raises(InvalidInput, match="the text is empty"):
            memory.add_many([{"text": "Tea.", "scope": "acme"}, {"text": "", "scope": "acme"}])
        assert memory.stats().memories == 1


def test_an_id_is_known_by_how_it_begins(shell: Shell) -> None:
    one, two = shell.add("Tea."), shell.add("Coffee.")
    length = next(n for n in range(36) if one[:n] != two[:n])
    assert shell.json("get", one[:length].upper())["text"] == "Tea."
    assert shell.json("link", one[:length], two[:length])["cube_id"] == one
    assert shell.json("events", "--cube", two[:length])["cube_id"] == two
    several = shell.run("get", one[: length - 1])
    assert (several.code, "2 ids begin with" in several.err) == (2, True)
    assert shell.run("get", "ffff").code == 3
    assert shell.run("get", "not-hex").code == 2


def test_an_id_that_may_not_be_read_is_not_found_by_how_it_begins(shell: Shell) -> None:
    hidden = shell.add("Hidden.", "--reader", "agent:alice")
    ran = shell.run("get", hidden[:20], "--actor", "agent:eve")
    none = shell.run("get", "f" * 8, "--actor", "agent:eve")
    assert ran.code == none.code == 3
    assert ran.err.replace(hidden[:20], "X") == none.err.replace("f" * 8, "X")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("rollback",), "--source, --by, --operation, --cut, --since, --until"),
        (("search", "tea", "--scope", "acme", "-k", "0"), "--limit must be"),
        (("context", "tea", "--scope", "acme", "--budget", "0"), "--budget must be"),
        (("archive", "0" * 36, "--expect-version", "0"), "--expect-version must be"),
        (("search", "tea", "--scope", "acme", "--embedder", "none"), "--embedder 'none' is not"),
    ],
)
def test_errors_name_options_and_no_arguments_of_python(
    shell: Shell, line: tuple[str, ...], said: str
) -> None:
    shell.add("Tea.")
    ran = shell.run(*line)
    assert ran.code == 2
    assert said in ran.err
    assert "=" not in ran.err


def test_an_argument_that_no_option_stands_for_is_left_as_it_is() -> None:
    names = names_of([inspect.Parameter("by", inspect.Parameter.KEYWORD_ONLY)])
    assert spoken("pass actor=, or tenant=; x=1", names) == "pass --by, or tenant=; x=1"


def test_a_setting_that_an_embedded_vault_has_not_is_an_error(shell: Shell, tmp_path: Path) -> None:
    settings = tmp_path / "memos.toml"
    settings.write_text('engine = "embedded"\npath = "one.vault"\nembeder = "minilm"\n')
    ran = shell.run("stats", "--vault", str(settings))
    assert (ran.code, "embeder is no setting" in ran.err) == (2, True)


def test_a_search_by_meaning_finds_what_no_command_had_embedded(shell: Shell) -> None:
    pytest.importorskip(PACKAGE, reason="the weights are not installed")
    oven = shell.add("A kiln for clay pots.")
    shell.add("He runs at dawn.")
    (hit, *_) = shell.json("search", "ceramics oven", "--scope", "acme", "--embedder", "minilm")
    assert hit["cube_id"] == oven
    with Memory(shell.vault, actor="agent:alice", embedder="minilm") as memory:
        assert memory.embedding_lag().waiting == 0


@installed
def test_a_german_question_finds_an_english_memory(shell: Shell) -> None:
    tea = shell.add("She cannot eat anything with peanuts in it.")
    shell.add("He runs at dawn.")
    line = ("search", "Wogegen ist sie allergisch?", "--scope", "acme")
    assert shell.json(*line) == []
    (hit, *_) = shell.json(*line, "--embedder", "multilingual")
    assert hit["cube_id"] == tea
