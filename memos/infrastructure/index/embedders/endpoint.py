"""An embedder behind HTTP: any endpoint that speaks OpenAI's `POST /embeddings`."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from memos.infrastructure.index.embedders.port import Vectors, normalised
from memos.kernel.errors import EmbeddingFailed, InvalidInput

KEY_VARIABLE = "MEMOS_EMBEDDINGS_KEY"
_MAX_CHARACTERS = 16_000  # of one text; most models take about 8,000 tokens
_TOLD = 200  # characters of an error's own words


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
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.username:
            raise InvalidInput("base_url must be like https://host/v1, without user or query")
        if dimensions < 1 or batch < 1 or timeout <= 0:
            raise InvalidInput("dimensions, batch and timeout must be above 0")
        self.name = model
        self.dimensions = dimensions
        self._url = url
        self._path = f"{url.path.rstrip('/')}/embeddings"
        self._key = api_key if api_key is not None else os.environ.get(KEY_VARIABLE, "")
        if not self._key.isascii() or not (self._key.isprintable() or not self._key):
            raise InvalidInput("the API key holds characters that no header may hold")
        self._timeout = timeout
        self._batch = batch
        identity = [url.netloc, self._path, model, dimensions]
        self.digest = hashlib.sha256(b"endpoint\n" + json.dumps(identity).encode()).digest()

    def __repr__(self) -> str:
        return f"EmbeddingsEndpoint({self._url.geturl()!r}, {self.name!r}, {self.dimensions})"

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.dimensions), np.float32)
        starts = range(0, len(texts), self._batch)
        answers = [self._ask(texts[start : start + self._batch]) for start in starts]
        return normalised(np.concatenate(answers))

    def _ask(self, texts: Sequence[str]) -> Vectors:
        # An endpoint refuses an empty text; a space means as little.
        wanted = [text[:_MAX_CHARACTERS] or " " for text in texts]
        answer = self._post({"model": self.name, "input": wanted, "encoding_format": "float"})
        try:
            rows = sorted(answer["data"], key=lambda row: row["index"])
            vectors = np.array([row["embedding"] for row in rows], np.float32)
        except (KeyError, TypeError, ValueError) as error:
            raise self._failed(f"its answer holds no vectors ({type(error).__name__})") from None
        if vectors.shape != (len(texts), self.dimensions):
            expected = (len(texts), self.dimensions)
            raise self._failed(f"it gave vectors of shape {vectors.shape}, not {expected}")
        return vectors

    def _post(self, body: Mapping[str, Any]) -> Any:
        import http.client  # 11 ms that only who uses an endpoint pays

        # A text may hold half a surrogate pair, which JSON cannot: it is replaced.
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        secure = self._url.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        try:
            connection = kind(self._url.hostname or "", self._url.port, timeout=self._timeout)
            try:
                connection.request("POST", self._path, data, headers)
                response = connection.getresponse()
                answer = response.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            raise self._failed(f"it cannot be reached ({type(error).__name__}: {error})") from error
        if response.status != HTTPStatus.OK:
            told = answer[:_TOLD].decode("utf-8", "replace")
            raise self._failed(f"it answered {response.status}: {self._without_key(told)}")
        try:
            return json.loads(answer)
        except ValueError:
            raise self._failed("its answer is no JSON") from None

    def _without_key(self, told: str) -> str:
        """An endpoint may quote the key back; it goes into no message."""
        return told.replace(self._key, "[key]") if self._key else told

    def _failed(self, reason: str) -> EmbeddingFailed:
        host = self._url.netloc
        return EmbeddingFailed(
            f"the embeddings endpoint at {host} failed for {self.name}: {reason}; check its "
            f"address, model and key ({KEY_VARIABLE})"
        )
