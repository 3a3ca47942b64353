"""Tells the story to the real mem0, in a process of its own: `python -m tests.interface.compat.mem0.peer DIRECTORY`."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from tests.embeddings import serving
from tests.interface.compat.mem0.story import shape, story

if __name__ == "__main__":
    directory = Path(sys.argv[1])
    os.environ |= {
        "MEM0_TELEMETRY": "False",
        "MEM0_DIR": str(directory),
        "HOME": str(directory),
        "OPENAI_API_KEY": "none",
    }
    with serving() as embeddings:
        from mem0 import Memory

        memory = Memory.from_config(
            {
                "embedder": {
                    "provider": "openai",
                    "config": {"openai_base_url": embeddings.url},
                },
                "vector_store": {
                    "provider": "qdrant",
                    "config": {
                        "path": str(directory / "qdrant"),
                        "embedding_model_dims": embeddings.dimensions,
                    },
                },
                "history_db_path": str(directory / "history.db"),
            }
        )
        sys.stdout.write(json.dumps(shape(story(memory))))
        memory.close()
