"""An embedder behind HTTP: any endpoint that speaks OpenAI's `POST /embeddings`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from memos.infrastructure.index.models.embedders.port import Vectors, normalised
from memos.infrastructure.index.models.json_endpoint import JsonEndpoint
from memos.kernel.errors import EmbedderUnavailable, EmbeddingFailed, InvalidInput

KEY_VARIABLE = "MEMOS_EMBEDDINGS_KEY"
_MAX_CHARACTERS = 16_000  # of one text; most models take about 8,000 tokens


class EmbeddingsEndpoint:
    """See `port.Embedder`. Texts leave this machine, to the endpoint that is named here only.

    Args:
        base_url: up to and without `/embeddings`, such as `https://host/v1`.
        model: the model's name there. The endpoint tells no digest of its weights, so the identity
            of its vectors is its host, path, model and width.
        dimensions: the width of its vectors.
        api_key: by default what the variable MEMOS_EMBEDDINGS_KEY holds; never shown or logged.
        timeout: seconds that one request may take.
        batch: texts a request.

    Raises:
        InvalidInput: an argument does not fit.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        dimensions: int,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        batch: int = 64,
    ) -> None:
        if dimensions < 1 or batch < 1 or timeout <= 0:
            raise InvalidInput("dimensions, batch and timeout must be above 0")
        self.name = model
        self.dimensions = dimensions
        self._batch = batch
        self._endpoint = JsonEndpoint(
            base_url,
            "embeddings",
            kind="the embeddings endpoint",
            model=model,
            variable=KEY_VARIABLE,
            api_key=api_key,
            timeout=timeout,
            failure=EmbeddingFailed,
            unavailable=EmbedderUnavailable,
        )
        identity = [*self._endpoint.identity, model, dimensions]
        self.digest = hashlib.sha256(b"endpoint\n" + json.dumps(identity).encode()).digest()

    def __repr__(self) -> str:
        return f"EmbeddingsEndpoint({self._endpoint.url!r}, {self.name!r}, {self.dimensions})"

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        starts = range(0, len(texts), self._batch)
        answers = [self._ask(texts[start : start + self._batch]) for start in starts]
        return normalised(np.concatenate(answers))

    def _ask(self, texts: Sequence[str]) -> Vectors:
        # An endpoint refuses an empty text; a space means as little.
        wanted = [text[:_MAX_CHARACTERS] or " " for text in texts]
        endpoint = self._endpoint
        answer = endpoint.post({"model": self.name, "input": wanted, "encoding_format": "float"})
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            vectors = np.array([row["embedding"] for row in rows], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise endpoint.failed(f"its answer holds no vectors ({type(error).__name__})") from None
        if vectors.shape != (len(texts), self.dimensions):
            expected = (len(texts), self.dimensions)
            raise endpoint.failed(f"it gave vectors of shape {vectors.shape}, not {expected}")
        return vectors
