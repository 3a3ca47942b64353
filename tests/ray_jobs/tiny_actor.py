"""A distiller that asks about the tiny language."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ray_jobs.distill import RayDistiller

if TYPE_CHECKING:
    from memos.parametric.local_learner import LocalLearner


class TinyDistiller(RayDistiller):
    """Writes how far training has come at every step, also on a machine that others load: at the lowest priority
    it would have a seventieth of a processor there.
    """

    niceness = 1

    @staticmethod
    def load(model: str, device: str, adapters_in: Path, adapters_bytes: int) -> LocalLearner:
        from tests.parametric.jobs import FEW, FEW_ASKED

        learner = RayDistiller.load(model, device, adapters_in, adapters_bytes)
        learner.templates, learner.recipe = FEW_ASKED, FEW
        learner.checkpoint_seconds = 0.0
        return learner
