"""A worker that looks more often whether its topics are the vault's still."""

from __future__ import annotations

import sys

from memos.infrastructure.engine.distributed import stores
from streams.__main__ import main

if __name__ == "__main__":
    stores.LOOK_SECONDS = 0.1
    sys.exit(main())
