"""The least that FastAPI over SQLite does: a get of a row by its key. Run by `benchmarks.http`.

python -m benchmarks.http_floor DATABASE
"""

from __future__ import annotations

import sqlite3
import sys

import uvicorn
from fastapi import FastAPI, HTTPException

from benchmarks.http_server import announced


def application(database: str) -> FastAPI:
    """One route, one table, one connection; the route runs in a thread, as FastAPI has it."""
    app = FastAPI()
    connection = sqlite3.connect(database, check_same_thread=False)

    @app.get("/memories/{cube_id}")
    def get(cube_id: str) -> dict[str, str]:
        row = connection.execute("SELECT id, text FROM memory WHERE id = ?", (cube_id,)).fetchone()
        if row is None:
            raise HTTPException(404)
        return {"id": row[0], "text": row[1]}

    return app


if __name__ == "__main__":
    bound = announced()
    config = uvicorn.Config(application(sys.argv[1]), log_level="warning", access_log=False)
    uvicorn.Server(config).run([bound])
