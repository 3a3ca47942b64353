"""`python -m streams fold|index|usage|seal|sweep`: one worker, until SIGTERM."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from pathlib import Path

from aiokafka.codec import has_lz4

from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.log.kafka.settings import WORKERS
from memos.infrastructure.release import pip_install
from memos.kernel.errors import InvalidInput, MemosError
from streams.process import run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker; the exit status."""
    parser = argparse.ArgumentParser("memos worker", description="Keep one projection of the log.")
    parser.add_argument("worker", choices=(*WORKERS, "sweep"))
    parser.add_argument("--config", type=Path, default=Path("memos.toml"))
    parser.add_argument("--metrics-host", default="127.0.0.1")
    parser.add_argument("--metrics-port", type=int, help="none by default; 0 takes a free one")
    parser.add_argument("--instance", help="its name, which stays over restarts")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two sweeps")
    options = parser.parse_args(arguments)
    try:
        if not has_lz4():
            raise InvalidInput(
                "the log's records are compressed with lz4, which Kafka's client here cannot read: "
                f"`{pip_install('distributed')}` brings cramjam"
            )
        settings = load_settings(options.config)
        if options.worker == "sweep":
            from streams import sweep

            return sweep.run(
                options.config, options.every, options.metrics_host, options.metrics_port
            )
        # Imported by name: each brings the drivers of its own stores.
        module = import_module(f"streams.{options.worker}")
        open_worker = partial(module.open_worker, settings)
        return run(
            options.worker,
            settings.kafka,
            open_worker,
            options.metrics_host,
            options.metrics_port,
            options.instance,
        )
    except (MemosError, OSError) as error:
        sys.stderr.write(f"memos worker {options.worker}: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
