"""A server of OpenAI's chat API that answers at once. Run by `benchmarks.proxy`.

python -m benchmarks.proxy_upstream
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from benchmarks.http_server import announced

PIECES = 20


def application() -> FastAPI:
    """One route: it reads the request, and answers with chunks."""
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def complete(request: Request) -> StreamingResponse:
        await request.json()
        return StreamingResponse(_chunks(), media_type="text/event-stream")

    return app


async def _chunks() -> AsyncIterator[str]:
    for number in range(PIECES):
        finish = "stop" if number == PIECES - 1 else None
        choice = {"index": 0, "delta": {"content": "word "}, "finish_reason": finish}
        yield f"data: {json.dumps({'id': 'c', 'choices': [choice]})}\n\n"
    yield "data: [DONE]\n\n"


if __name__ == "__main__":
    bound = announced()
    config = uvicorn.Config(application(), log_level="warning", access_log=False)
    uvicorn.Server(config).run([bound])
