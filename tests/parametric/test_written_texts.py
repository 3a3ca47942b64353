"""What a teacher wrote is there again for who has the seal, and for nobody else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from memos import ChatMessage, ChatPrompt, PromptMemory
from memos.parametric.written_texts import WrittenTexts

KEY, SEAL = b"k" * 32, b"s" * 32
PROMPT = ChatPrompt(
    owner="acme",
    opening="",
    pinned=(PromptMemory("a", 1, "- oak\n"),),
    closing="",
    messages=(ChatMessage("user", "Which tree?"),),
    max_tokens=7,
)


def test_texts_are_there_again_under_the_seal_that_they_were_kept_under(tmp_path: Path) -> None:
    written = WrittenTexts((tmp_path, KEY, SEAL))
    at_first = written.is_resumed
    written.keep({PROMPT: "An oak."})
    assert (at_first, written.is_resumed) == (True, False)
    again = WrittenTexts((tmp_path, KEY, SEAL))
    assert (again.find(PROMPT), again.is_resumed) == ("An oak.", True)
    assert again.find(replace(PROMPT, max_tokens=8)) is None
    assert again.find(replace(PROMPT, pinned=())) is None
    # A memory was erased, and its key with it.
    assert WrittenTexts((tmp_path, KEY, b"t" * 32)).find(PROMPT) is None
    assert WrittenTexts((tmp_path, b"l" * 32, SEAL)).find(PROMPT) is None


def test_a_file_that_was_changed_is_not_read_and_removing_leaves_nothing(tmp_path: Path) -> None:
    WrittenTexts((tmp_path, KEY, SEAL)).keep({PROMPT: "An oak."})
    (path,) = tmp_path.iterdir()
    assert b"oak" not in path.read_bytes()
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    changed = WrittenTexts((tmp_path, KEY, SEAL))
    assert changed.find(PROMPT) is None
    (tmp_path / f".{path.name}.0123.unfinished").write_bytes(b"of one that was killed")
    changed.remove()
    assert not [*tmp_path.iterdir()]


def test_without_a_place_nothing_is_written(tmp_path: Path) -> None:
    written = WrittenTexts(None)
    written.keep({PROMPT: "An oak."})
    assert written.find(PROMPT) == "An oak."
    written.remove()
    assert written.find(PROMPT) is None
