"""A reranker behind HTTP: any endpoint that speaks `POST /rerank` as Cohere, Jina and vLLM do.

Text Embeddings Inference (TEI) takes `texts` instead of `documents`, and answers with a bare list.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

import numpy as np

from memos.infrastructure.index.models.json_endpoint import JsonEndpoint
from memos.infrastructure.index.models.rerankers.port import Scores
from memos.kernel.errors import RerankFailed

KEY_VARIABLE = "MEMOS_RERANK_KEY"
_MAX_CHARACTERS = 16_000  # of one text


class RerankEndpoint:
    """See `port.Reranker`. Texts leave this machine, to the endpoint that is named here only.

    Args:
        base_url: up to and without `/rerank`, such as `https://host/v1`.
        model: the model's name there. The endpoint tells no digest of its weights, so its identity
            is its host, path and model.
        api_key: by default what the variable MEMOS_RERANK_KEY holds; never shown or logged.
        timeout: seconds that one request may take.
        field: the name by which the endpoint takes the texts: `texts` for TEI.

    Raises:
        InvalidInput: an argument does not fit.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        field: str = "documents",
    ) -> None:
        self.name = model
        self._field = field
        self._endpoint = JsonEndpoint(
            base_url,
            "rerank",
            kind="the rerank endpoint",
            model=model,
            variable=KEY_VARIABLE,
            api_key=api_key,
            timeout=timeout,
            failure=RerankFailed,
            unavailable=RerankFailed,
        )
        identity = [*self._endpoint.identity, model]
        self.digest = hashlib.sha256(b"rerank\n" + json.dumps(identity).encode()).digest()

    def __repr__(self) -> str:
        return f"RerankEndpoint({self._endpoint.url!r}, {self.name!r})"

    def score(self, query: str, texts: Sequence[str]) -> Scores:
        if not texts:
            return np.empty(0)
        # An endpoint refuses an empty text; a space means as little.
        documents = [text[:_MAX_CHARACTERS] or " " for text in texts]
        asked = {
            "model": self.name,
            "query": query[:_MAX_CHARACTERS] or " ",
            self._field: documents,
            "top_n": len(texts),
        }
        answer = self._endpoint.post(asked)
        try:
            rows = answer["results"] if isinstance(answer, dict) else answer
            scores = np.full(len(texts), np.nan)
            for row in rows:
                if row["index"] < 0:
                    raise IndexError(row["index"])
                scores[row["index"]] = row[
                    "relevance_score" if "relevance_score" in row else "score"
                ]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            reason = f"its answer holds no scores ({type(error).__name__})"
            raise self._endpoint.failed(reason) from None
        if np.isnan(scores).any():
            raise self._endpoint.failed(f"it scored {len(rows)} of {len(texts)} texts")
        return scores
