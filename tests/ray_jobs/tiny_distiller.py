"""`python -m tests.ray_jobs.tiny_distiller distill`: as `memos worker distill`, for the tiny trained model, which is asked
about its own kind of facts, and writes how far training has come at every step.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from memos.infrastructure.chat_models.ray_distillers import QUEUE
from ray_jobs.__main__ import distiller_settings, in_cluster, parser
from ray_jobs.distill_metrics import DistillMetrics


def main(arguments: Sequence[str]) -> None:
    logging.basicConfig(stream=sys.stderr, level=logging.INFO)
    options = parser().parse_args(arguments)
    settings, metrics = distiller_settings(options), DistillMetrics()
    with in_cluster(settings, metrics, options, QUEUE) as ending:
        from ray_jobs.distill_fleet import DistillFleet
        from tests.ray_jobs.tiny_actor import TinyDistiller

        DistillFleet(settings, metrics, TinyDistiller).run(ending)


if __name__ == "__main__":
    main(sys.argv[1:])
