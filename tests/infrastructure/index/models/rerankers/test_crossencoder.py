from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from memos import RerankFailed
from memos.infrastructure.index.models.rerankers.crossencoder import FILES, CrossEncoder

pytest.importorskip("safetensors")
tokenizers = pytest.importorskip("tokenizers")

WIDTH, LAYERS, HEADS, WORDS = 8, 2, 2, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "river", "dog", "sea"]
Array = npt.NDArray[np.float32]


def tensors(outputs: int = 1) -> dict[str, Array]:
    """A tiny BERT with random weights, by the names that it has on disk."""
    chance = np.random.default_rng(1)

    def of(*shape: int) -> Array:
        return chance.standard_normal(shape).astype(np.float32)

    made = {
        "bert.embeddings.word_embeddings.weight": of(len(WORDS), WIDTH),
        "bert.embeddings.position_embeddings.weight": of(32, WIDTH),
        "bert.embeddings.token_type_embeddings.weight": of(2, WIDTH),
        "classifier.weight": of(outputs, WIDTH),
        "classifier.bias": of(outputs),
        "bert.pooler.dense.weight": of(WIDTH, WIDTH),
        "bert.pooler.dense.bias": of(WIDTH),
    }
    norms = ["bert.embeddings.LayerNorm"]
    for n in range(LAYERS):
        layer = f"bert.encoder.layer.{n}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            made[f"{layer}attention.{part}.weight"] = of(WIDTH, WIDTH)
            made[f"{layer}attention.{part}.bias"] = of(WIDTH)
        made |= {
            f"{layer}intermediate.dense.weight": of(2 * WIDTH, WIDTH),
            f"{layer}intermediate.dense.bias": of(2 * WIDTH),
            f"{layer}output.dense.weight": of(WIDTH, 2 * WIDTH),
            f"{layer}output.dense.bias": of(WIDTH),
        }
        norms += [f"{layer}attention.output.LayerNorm", f"{layer}output.LayerNorm"]
    for norm in norms:
        made |= {f"{norm}.weight": of(WIDTH), f"{norm}.bias": of(WIDTH)}
    return made


def write_model(directory: Path, outputs: int = 1) -> Path:
    from safetensors.numpy import save_file

    directory.mkdir()
    save_file(tensors(outputs), directory / "model.safetensors")
    config = {"num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "hidden_act": "gelu"}
    (directory / "config.json").write_text(json.dumps(config))
    tokenizer = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokenizer.save(str(directory / "tokenizer.json"))
    return directory


def by_the_book(ids: list[int], types: list[int]) -> float:
    """The model written out token by token, in float64."""
    t = {name: each.astype(np.float64) for name, each in tensors().items()}

    def norm(x: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-12)
        found: npt.NDArray[np.float64] = x * t[f"{name}.weight"] + t[f"{name}.bias"]
        return found

    def lin(x: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
        found: npt.NDArray[np.float64] = x @ t[f"{name}.weight"].T + t[f"{name}.bias"]
        return found

    from math import erf

    e = "bert.embeddings."
    x = t[f"{e}word_embeddings.weight"][ids] + t[f"{e}position_embeddings.weight"][: len(ids)]
    x = norm(x + t[f"{e}token_type_embeddings.weight"][types], f"{e}LayerNorm")
    for n in range(LAYERS):
        at = f"bert.encoder.layer.{n}."
        q, k, v = (lin(x, f"{at}attention.self.{part}") for part in ("query", "key", "value"))
        heads = []
        for h in range(HEADS):
            own = slice(h * WIDTH // HEADS, (h + 1) * WIDTH // HEADS)
            s = q[:, own] @ k[:, own].T / np.sqrt(WIDTH / HEADS)
            s = np.exp(s - s.max(-1, keepdims=True))
            heads.append(s / s.sum(-1, keepdims=True) @ v[:, own])
        attended = lin(np.concatenate(heads, -1), f"{at}attention.output.dense")
        x = norm(x + attended, f"{at}attention.output.LayerNorm")
        wide = lin(x, f"{at}intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(erf)(wide / np.sqrt(2)))
        x = norm(x + lin(wide, f"{at}output.dense"), f"{at}output.LayerNorm")
    fit = lin(np.tanh(lin(x[:1], "bert.pooler.dense")), "classifier")[0, 0]
    return float(1 / (1 + np.exp(-fit)))


def test_scores_are_those_of_the_definition_in_whatever_company(tmp_path: Path) -> None:
    model = CrossEncoder(write_model(tmp_path / "tiny"))
    scores = model.score("dog", ["river", "the sea dog", ""])
    assert scores == pytest.approx(
        [
            by_the_book([2, 5, 3, 4, 3], [0, 0, 0, 1, 1]),
            by_the_book([2, 5, 3, 1, 6, 5, 3], [0, 0, 0, 1, 1, 1, 1]),
            by_the_book([2, 5, 3, 3], [0, 0, 0, 1]),
        ],
        abs=1e-4,
    )
    assert model.score("dog", ["the sea dog"]) == pytest.approx(scores[1:2], abs=1e-5)
    assert model.name == "tiny"
    assert model.score("dog", []).shape == (0,)


def test_more_than_the_model_reads_is_cut(tmp_path: Path) -> None:
    model = CrossEncoder(write_model(tmp_path / "tiny"))
    assert np.isfinite(model.score("dog " * 500, ["river " * 5000])).all()


@pytest.mark.parametrize("missing", FILES)
def test_a_directory_without_a_model_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    directory = write_model(tmp_path / "tiny")
    (directory / missing).unlink()
    with pytest.raises(RerankFailed, match=missing):
        CrossEncoder(directory)


@pytest.mark.parametrize("broken", FILES)
def test_a_broken_file_is_refused(tmp_path: Path, broken: str) -> None:
    directory = write_model(tmp_path / "tiny")
    (directory / broken).write_bytes(b"{}")
    with pytest.raises(RerankFailed, match="tiny"):
        CrossEncoder(directory)


def test_a_model_of_several_outputs_does_not_rank(tmp_path: Path) -> None:
    with pytest.raises(RerankFailed, match="3 outputs"):
        CrossEncoder(write_model(tmp_path / "tiny", outputs=3))
