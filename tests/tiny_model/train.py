"""Train the tiny model: `python -m tests.tiny_model.train`. Ten minutes of one processor.

Sentences come in stages, one form of statements and short texts first. What a model has to find out is that
a question's name and attribute stand in one sentence with the answer; alone it does so after thousands of
steps, or not at all. So, while it learns, probes ask the middle of the model at the end of each sentence
which name, attribute and value it holds: to gather them there is what it needs first. The probes are
thrown away.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, rms_norm
from torch.optim.lr_scheduler import LambdaLR
from transformers import PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

from memos.activation.tokenizer import TextTokenizer
from memos.activation.transformers_model import without_progress_bars
from tests.tiny_model.language import END, WORDS, WORLD, fresh_facts
from tests.tiny_model.loaded import DIRECTORY
from tests.tiny_model.texts import LAST_STAGE, NO_TARGET, Text, Writer, padded
from tests.tiny_model.word_tokenizer import write_tokenizer

STEPS = 1500
PROBED_LAYER, PROBES_WEIGHT = 2, 0.3


def configuration() -> Qwen3Config:
    """Of a model with 762,496 parameters."""
    return Qwen3Config(
        vocab_size=len(WORDS),
        hidden_size=128,
        intermediate_size=320,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=WORDS.index(END),
        rope_parameters={"rope_type": "default", "rope_theta": 1e4},
    )


def loss_of(
    model: PreTrainedModel, probes: nn.ModuleList, texts: Sequence[Text], probes_weight: float
) -> Tensor:
    """Cross-entropy of the answers, half of that of half of the other tokens, and the probes'."""
    ids, answers, padding = padded(texts)
    read = model(ids, output_hidden_states=True)
    logits, following = read.logits[:, :-1], ids[:, 1:]
    is_answer, is_padding = answers[:, 1:], padding[:, 1:]
    others = (torch.rand(following.shape) < 0.5) & ~is_answer & ~is_padding
    loss = cross_entropy(logits[is_answer], following[is_answer])
    loss = loss + 0.5 * cross_entropy(logits[others], following[others])
    told = torch.tensor([(row, *each) for row, text in enumerate(texts) for each in text.sentences])
    middle = read.hidden_states[PROBED_LAYER][told[:, 0], told[:, 1]]
    held = rms_norm(middle, middle.shape[-1:])
    for probe, targets in zip(probes, told[:, 2:].T, strict=True):
        missed = cross_entropy(probe(held), targets, ignore_index=NO_TARGET, reduction="sum")
        loss = loss + probes_weight * missed / (targets != NO_TARGET).sum().clamp(min=1)
    return loss


@torch.no_grad()
def accuracy(model: PreTrainedModel, writer: Writer, count: int, texts: int, **form: bool) -> float:
    """How many first questions on texts with so many facts are answered right; 0 facts: on the world."""
    chance = Random(count)
    asked = []
    for _ in range(texts):
        facts = fresh_facts(chance, count or 4, max(1, count // 4))
        asked.append(writer.text(facts, [chance.choice(facts if count else WORLD)], **form))
    ids, answers, _ = padded(asked)
    found = model(ids).logits[:, :-1].argmax(-1)[answers[:, 1:]]
    return float((found == ids[answers]).float().mean())


def optimizers(model: PreTrainedModel, probes: nn.Module) -> list[torch.optim.Optimizer]:
    """Muon for the matrices between the layers, AdamW for all else."""
    named = [*model.named_parameters()]
    hidden = [each for name, each in named if each.ndim == 2 and ".layers." in name]
    rest = [each for name, each in named if not (each.ndim == 2 and ".layers." in name)]
    return [
        torch.optim.Muon(hidden, lr=0.01, weight_decay=0.01),
        torch.optim.AdamW([*rest, *probes.parameters()], lr=3e-3, betas=(0.9, 0.95)),
    ]


def train(tokenizer: TextTokenizer, seed: int, steps: int, directory: Path) -> None:
    """Train from the beginning, and write the model into a directory now and then."""
    torch.manual_seed(seed)
    writer = Writer(tokenizer, Random(seed))
    model: PreTrainedModel = Qwen3ForCausalLM(configuration())  # type: ignore[no-untyped-call]
    probes = nn.ModuleList(nn.Linear(128, len(WORDS)) for _ in range(3))
    both = optimizers(model, probes)

    def share(step: int) -> float:
        return min(1.0, (step + 1) / 50, (steps - step) / (0.4 * steps))

    schedules = [LambdaLR(each, share) for each in both]
    started = time.perf_counter()
    for step in range(1, steps + 1):
        loss = loss_of(model, probes, writer.batch(), PROBES_WEIGHT * share(step))
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, schedule in zip(both, schedules, strict=True):
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        if step % 50 == 0:
            right = {count: accuracy(model, writer, count, 128) for count in (0, 4, 8)}
            report(step, writer.stage, loss, right, started)
            writer.stage = min(writer.stage + (right[4] > 0.9), LAST_STAGE)
        if step % 250 == 0 or step == steps:
            with without_progress_bars():
                model.save_pretrained(directory)
    for as_chat in (False, True):
        counts = (0, 2, 4, 8, 16, 24, 32)
        told = {count: accuracy(model, writer, count, 500, as_chat=as_chat) for count in counts}
        sys.stdout.write(f"{'in a chat' if as_chat else 'right'}, by facts: {json.dumps(told)}\n")


def report(step: int, stage: int, loss: Tensor, right: dict[int, float], started: float) -> None:
    """One line on how it goes."""
    seconds = time.perf_counter() - started
    told = ", ".join(f"{count}: {share:.2f}" for count, share in right.items())
    sys.stdout.write(f"{step} stage {stage} loss {loss.item():.3f} {told} {seconds:.0f} s\n")
    sys.stdout.flush()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--steps", type=int, default=STEPS)
    arguments.add_argument("--directory", type=Path, default=DIRECTORY)
    given = arguments.parse_args()
    # One thread adds up in one order: the same seed gives the same weights.
    torch.set_num_threads(1)
    given.directory.mkdir(parents=True, exist_ok=True)
    write_tokenizer(given.directory)
    train(TextTokenizer(given.directory), given.seed, given.steps, given.directory)


if __name__ == "__main__":
    main()
