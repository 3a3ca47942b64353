"""The program `memos`, from its first instruction on: `python -m memos` is the same."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130
"""What shells make of Ctrl-C: 128 and the number of the signal."""
CLOSED_EARLY = 1
"""Whoever read the output has left before its end."""


def main() -> None:
    """Run one command line and exit; `docs/cli.md` has the exit codes."""
    try:
        from memos.interface.cli import run

        run(sys.argv[1:])
    except KeyboardInterrupt:  # also while the program is still being imported
        sys.stderr.write("stopped\n")
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # Nothing reads any more; what the interpreter flushes at its end has to go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(CLOSED_EARLY)


if __name__ == "__main__":
    main()
