"""What an adapter must reach to be promoted: each threshold that it misses is a sentence with the figure."""

from __future__ import annotations

from collections.abc import Iterator

from memos.infrastructure.chat_models.adapting import Evaluation, Thresholds


def refusals(told: Evaluation, least: Thresholds) -> Iterator[str]:
    """Why an adapter is not promoted; nothing where it is."""
    if told.teacher_accuracy < least.teacher:
        yield (
            f"with the memories in its context the model itself answers {told.teacher_accuracy:.2f} of the "
            f"held-out questions right, and {least.teacher:.2f} are wanted: it would be taught what is wrong"
        )
    if told.gap is None or told.gap < least.least_gap:
        gap = "no gap was" if told.gap is None else f"a gap of {told.gap:.3f} nats was"
        yield (
            f"there is nothing to learn: {gap} found between answering without and with the memories, and at "
            f"least {least.least_gap:.3f} nats are wanted"
        )
    elif told.gap_closed is None or told.gap_closed < least.gap_closed:
        yield (
            f"it closes {_shown(told.gap_closed)} of the gap to answering with the memories in context, and at "
            f"least {least.gap_closed:.2f} is wanted"
        )
    wanted = least.accuracy * told.teacher_accuracy
    if told.accuracy < wanted:
        yield (
            f"it answers {told.accuracy:.2f} of the held-out questions right, and at least {wanted:.2f} are "
            f"wanted: {least.accuracy:.2f} of those that are right with the memories in context"
        )
    if told.retention is not None and told.retention < least.retention:
        yield (
            f"of what the model knew before {told.retention:.2f} stays as it was, and at least "
            f"{least.retention:.2f} is wanted"
        )
    if told.in_context is not None and told.in_context < least.in_context:
        yield (
            f"it answers {told.in_context:.2f} as much from memories in its context as without the adapter, and "
            f"at least {least.in_context:.2f} is wanted"
        )
    if not told.locality <= least.locality:
        yield (
            f"on unrelated prompts it is {told.locality:.3f} nats a token from the model without it, and at most "
            f"{least.locality:.3f} are wanted"
        )


def _shown(share: float | None) -> str:
    return "nothing" if share is None else f"{share:.2f}"
