from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import numpy as np
import numpy.typing as npt
import pytest

from memos import EmbeddingFailed, Hit, InvalidInput, Memory, Receipt
from tests.interface.embedder import HashingEmbedder
from tests.waiting import wait_until


@pytest.fixture
def embedder() -> HashingEmbedder:
    return HashingEmbedder()


@pytest.fixture
def memory(vault: Path, embedder: HashingEmbedder) -> Iterator[Memory]:
    with Memory(vault, actor="agent:alice", embedder=embedder) as opened:
        yield opened


def texts(hits: list[Hit]) -> list[str]:
    return [hit.text for hit in hits]


def ranked(hits: list[Hit]) -> list[tuple[str, float]]:
    return [(hit.cube_id, hit.score) for hit in hits]


def sealed(vault: Path) -> list[tuple[bytes, bytes]]:
    connection = apsw.Connection(str(vault / "memos.db"))
    found = list(connection.execute("SELECT cube_id, box FROM index_vector"))
    connection.close()
    return [(bytes(cube_id), bytes(box)) for cube_id, box in found]


def test_what_is_written_is_embedded_behind_it(memory: Memory) -> None:
    memory.add("She likes pottery.", scope="acme")
    wait_until(lambda: memory.embedding_lag().waiting == 0)
    (hit,) = memory.search("pottery", scope="acme")
    assert hit.explain["recipe"].startswith("hybrid@")
    assert hit.explain["dense"]["embedded"] is True
    assert hit.score == pytest.approx(hit.explain["lexical"] + hit.explain["dense"]["score"])


def test_a_memory_that_shares_no_ranked_word_is_reached_by_its_vector(memory: Memory) -> None:
    for text in ("who are you then", "a violin"):
        memory.add(text, scope="acme")
    memory.embed_pending()
    assert texts(memory.search("violin, who are you then", scope="acme", recipe="lexical")) == [
        "a violin"
    ]
    found = memory.search("violin, who are you then", scope="acme")
    assert set(texts(found)) == {"who are you then", "a violin"}


def test_what_waits_is_found_by_its_words_and_the_hit_says_so(
    memory: Memory, embedder: HashingEmbedder
) -> None:
    memory.add("She likes pottery.", scope="acme")
    memory.embed_pending()
    embedder.broken = True
    memory.add("He sells pottery in Sweden.", scope="acme")
    embedder.broken = False
    with_one = memory.search("pottery Sweden", scope="acme")
    assert texts(with_one)[0] == "He sells pottery in Sweden."
    memory.embed_pending()
    assert memory.embedding_lag().waiting == 0


def test_a_failing_embedder_holds_up_no_write_and_search_says_that_it_ran_without_it(
    memory: Memory, embedder: HashingEmbedder
) -> None:
    memory.add("She likes pottery.", scope="acme")
    memory.embed_pending()
    embedder.broken = True
    memory.add("He likes pottery too.", scope="acme")
    hits = memory.search("pottery", scope="acme")
    assert len(hits) == 2
    assert hits[0].explain["dense"] == {"unavailable": "hashing is gone"}
    with pytest.raises(EmbeddingFailed, match="gone"):
        memory.embed_pending()
    assert memory.embedding_lag().waiting == 1
    assert memory.embedding_lag().failure == "hashing is gone"
    embedder.broken = False
    assert memory.embed_pending() <= 1
    assert memory.embedding_lag().waiting == 0


def test_a_slow_embedder_holds_up_no_write(memory: Memory, embedder: HashingEmbedder) -> None:
    embedder.open.clear()
    memory.add("She likes pottery.", scope="acme")
    time.sleep(0.7)
    start = time.monotonic()
    memory.add("He likes pottery too.", scope="acme")
    assert time.monotonic() - start < 5
    assert memory.embedding_lag().waiting == 2
    embedder.open.set()


def test_a_vault_written_without_an_embedder_catches_up_when_opened_with_one(
    vault: Path, receipts: list[Receipt], embedder: HashingEmbedder
) -> None:
    with Memory(vault, actor="agent:alice", embedder=embedder) as memory:
        wait_until(lambda: memory.embedding_lag().waiting == 0)
    assert len(sealed(vault)) == len(receipts)


def test_two_openers_embed_each_text_once(vault: Path, receipts: list[Receipt]) -> None:
    with (
        Memory(vault, actor="agent:alice", embedder=HashingEmbedder()) as one,
        Memory(vault, actor="agent:alice", embedder=HashingEmbedder()) as two,
    ):
        one.embed_pending()
        two.embed_pending()
        found = [ranked(each.search("memory number 7", scope="acme")) for each in (one, two)]
        assert found[0] == found[1]
    assert len(sealed(vault)) == len(receipts)


def test_vectors_lie_sealed_and_an_erase_takes_them(
    vault: Path, memory: Memory, embedder: HashingEmbedder
) -> None:
    kept = memory.add("A violin. It is made of copper and wood.", scope="acme", subject="ann")
    gone = memory.add("She likes pottery. She sells it at the market.", scope="acme", subject="bob")
    memory.embed_pending()
    clear = embedder.embed(["She likes pottery. She sells it at the market."])
    assert clear.astype(np.float16).tobytes() not in (vault / "memos.db").read_bytes()
    assert len(sealed(vault)) == 2
    assert len(memory.search("pottery", scope="acme")) == 2
    receipt = memory.erase(cube_id=gone.cube_id)
    assert ("index vectors", "1") in [(each.kind, each.name) for each in receipt.artefacts]
    assert [cube.hex() for cube, _ in sealed(vault)] == [kept.cube_id.replace("-", "")]
    assert gone.cube_id not in [hit.cube_id for hit in memory.search("pottery", scope="acme")]


def test_an_earlier_position_is_searched_with_the_vectors_of_its_texts(memory: Memory) -> None:
    made = memory.add("She lives in Sweden.", scope="acme")
    memory.name_cut("before")
    memory.update(made.cube_id, "She lives in Norway.")
    memory.embed_pending()
    (now,) = memory.search("Sweden", scope="acme")
    (then,) = memory.search("Sweden", scope="acme", as_of="before")
    assert (now.text, then.text) == ("She lives in Norway.", "She lives in Sweden.")
    assert then.explain["dense"]["text"] > now.explain["dense"]["text"]


def test_another_model_embeds_anew_and_the_first_goes_on_serving(vault: Path) -> None:
    first, second = HashingEmbedder("first"), HashingEmbedder("second", 32)
    with Memory(vault, actor="agent:alice", embedder=first) as memory:
        memory.add("She likes pottery.", scope="acme")
        memory.embed_pending()
        with Memory(vault, actor="agent:alice", embedder=second) as other:
            other.embed_pending()
            (hit,) = other.search("pottery", scope="acme")
            assert hit.explain["dense"]["model"] == "second"
        (hit,) = memory.search("pottery", scope="acme")
        assert hit.explain["dense"]["model"] == "first"
    assert len(sealed(vault)) == 2


def test_a_rebuild_drops_the_vectors_and_they_are_made_again(memory: Memory) -> None:
    memory.add("She likes pottery.", scope="acme")
    memory.embed_pending()
    before = ranked(memory.search("pottery", scope="acme"))
    memory.rebuild()
    memory.embed_pending()
    assert ranked(memory.search("pottery", scope="acme")) == before


def test_a_vector_that_was_tampered_with_is_told(vault: Path, embedder: HashingEmbedder) -> None:
    with Memory(vault, actor="agent:alice", embedder=embedder) as memory:
        memory.add("She likes pottery.", scope="acme")
        memory.embed_pending()
    connection = apsw.Connection(str(vault / "memos.db"))
    connection.execute("UPDATE index_vector SET box = zeroblob(length(box))")
    connection.close()
    with (
        Memory(vault, actor="agent:alice", embedder=embedder) as memory,
        pytest.raises(Exception, match="does not open: run `memos rebuild`"),
    ):
        memory.search("pottery", scope="acme")


def test_a_filter_narrows_vectors_exactly(memory: Memory) -> None:
    for n in range(60):
        memory.add(f"who are they {n}", scope="acme", tags=["odd"] if n == 41 else [])
    memory.embed_pending()
    (hit,) = memory.search("who are they", scope="acme", k=5, filter={"tags": "odd"})
    assert hit.text == "who are they 41"


def test_no_vector_of_what_the_caller_may_not_read_has_any_influence(
    vault: Path, memory: Memory
) -> None:
    memory.add("She likes pottery.", scope="acme/a")
    memory.add("He likes pottery.", scope="acme/b")
    memory.add("They like pottery.", scope="other/a")
    memory.embed_pending()
    (hit,) = memory.search("pottery", scope="acme/a")
    assert hit.text == "She likes pottery."
    assert hit.explain["searched"] == 1


@pytest.mark.parametrize("query", ["", "?!", " "])
def test_a_query_without_a_word_finds_nothing(memory: Memory, query: str) -> None:
    memory.add("She likes pottery.", scope="acme")
    memory.embed_pending()
    assert memory.search(query, scope="acme") == []


def test_the_dense_side_needs_an_embedder(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("She likes pottery.", scope="acme")
        (hit,) = memory.search("pottery", scope="acme")
        assert hit.explain["recipe"].startswith("lexical@")
        with pytest.raises(InvalidInput, match="needs an embedder"):
            memory.search("pottery", scope="acme", recipe="hybrid")
        with pytest.raises(InvalidInput, match="needs an embedder"):
            memory.embedding_lag()
    with pytest.raises(InvalidInput, match="minilm"):
        Memory(vault, actor="agent:alice", embedder="word2vec")


class Wrong(HashingEmbedder):
    """Gives what no embedder may."""

    def __init__(self, vectors: object) -> None:
        super().__init__("wrong")
        self.vectors = vectors

    def embed(self, texts: object) -> npt.NDArray[np.float32]:
        return np.asarray(self.vectors, np.float32)


@pytest.mark.parametrize(
    ("vectors", "told"), [([[1.0, 0.0]], "shape"), ([[float("nan")] * 64], "NaN"), ([], "shape")]
)
def test_vectors_of_the_wrong_shape_or_without_value_are_refused(
    vault: Path, vectors: object, told: str
) -> None:
    with Memory(vault, actor="agent:alice", embedder=Wrong(vectors)) as memory:
        memory.add("She likes pottery", scope="acme")
        with pytest.raises(EmbeddingFailed, match=told):
            memory.embed_pending()
        assert len(memory.search("pottery", scope="acme")) == 1
    assert sealed(vault) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (np.ones((1, 3), np.float32), "shape (1, 3), not (1, 64)"),
        (np.ones(64, np.float32), "shape (64,), not (1, 64)"),
        (np.full((1, 64), np.nan, np.float32), "NaN or infinity"),
        (np.full((1, 64), np.inf, np.float32), "NaN or infinity"),
        ("vectors", "ValueError"),
    ],
)
def test_a_query_without_a_usable_vector_is_searched_by_words_and_an_empty_list_says_why(
    memory: Memory,
    embedder: HashingEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    answer: object,
    reason: str,
) -> None:
    memory.add("She likes pottery.", scope="acme")
    memory.embed_pending()
    monkeypatch.setattr(embedder, "embed", lambda texts: answer)
    nothing = memory.search("violin", scope="acme")
    assert nothing == []
    assert reason in nothing.explain["dense"]["unavailable"]
    (hit,) = memory.search("pottery", scope="acme")
    assert reason in hit.explain["dense"]["unavailable"]


def test_texts_without_usable_vectors_wait_and_nothing_false_is_stored(
    memory: Memory, embedder: HashingEmbedder, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = np.full((1, 64), np.nan, np.float32)
    with monkeypatch.context() as patched:
        patched.setattr(embedder, "embed", lambda texts: np.repeat(bad, len(texts), axis=0))
        memory.add("She likes pottery.", scope="acme")
        with pytest.raises(EmbeddingFailed, match="NaN"):
            memory.embed_pending()
        assert sealed(vault) == []
        assert memory.embedding_lag().waiting == 1
    memory.embed_pending()
    assert memory.embedding_lag().waiting == 0


def test_an_empty_result_tells_how_it_was_searched(memory: Memory) -> None:
    memory.add("She likes pottery.", scope="acme")
    asked, unmet = '"no such phrase" since March 2020', {"tags": "unmet"}
    nothing = memory.search(asked, scope="acme", filter=unmet)
    assert nothing == []
    assert nothing.explain["searched"] == 1
    assert nothing.explain["phrases_not_found"] == ["no such phrase"]
    assert nothing.explain["phrases"] == ["no such phrase"]
    assert nothing.explain["windows"][0]["from"] == "2020-03-01T00:00:00+00:00"
    assert memory.search("x", scope="nobody").explain["searched"] == 0


class Ending(HashingEmbedder):
    """Raises what ends a thread, or whatever else it was given, while there is any left."""

    def __init__(self, *raised: BaseException) -> None:
        super().__init__()
        self.raised = list(raised)

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if self.raised:
            raise self.raised[0]
        return super().embed(texts)


class Stopped(BaseException):
    """No Exception."""


@pytest.mark.parametrize(
    "raised",
    [
        SystemExit(3),
        SystemExit(),
        KeyboardInterrupt(),
        Stopped("now"),
        GeneratorExit(),
        OSError("x"),
    ],
    ids=repr,
)
def test_whatever_an_embedder_raises_behind_is_told_and_it_is_tried_again(
    vault: Path, raised: BaseException
) -> None:
    embedder = Ending(raised)
    with Memory(vault, actor="agent:alice", embedder=embedder) as memory:
        memory.add("pottery", scope="acme")
        wait_until(lambda: type(raised).__name__ in memory.embedding_lag().failure)
        assert memory.embedding_lag().waiting == 1
        embedder.raised.clear()
        wait_until(lambda: memory.embedding_lag().waiting == 0)
        assert memory.embedding_lag().failure == ""


def test_what_interrupts_a_caller_who_waits_for_an_embedder_is_raised_there(vault: Path) -> None:
    embedder = Ending()
    with Memory(vault, actor="agent:alice", embedder=embedder) as memory:
        memory.add("pottery", scope="acme")
        memory.embed_pending()
        embedder.raised.append(KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            memory.search("pottery", scope="acme")
