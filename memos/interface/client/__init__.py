"""The client of a server of memories (`memos serve`): the methods of `Memory` that make sense from afar."""

from __future__ import annotations

from importlib.util import find_spec

from memos.infrastructure.release import pip_install

for _needed in ("httpx", "httpx_sse", "cattrs"):
    if find_spec(_needed) is None:
        raise ModuleNotFoundError(
            f"the client of a server needs {_needed}: {pip_install('client')}", name=_needed
        )
