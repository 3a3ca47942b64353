"""Several memories at once behind mem0's paths, all or none."""

from __future__ import annotations

from fastapi import APIRouter, Response

from memos.interface.http.answers import answer
from memos.interface.http.routes.mem0.bodies import Changes, Deletions
from memos.interface.http.routes.mem0.platform import AnyPlatform
from memos.interface.http.strict_route import StrictRoute

router = APIRouter(prefix="/v1/batch", route_class=StrictRoute)


@router.put("/")
def batch_update(changes: Changes, platform: AnyPlatform) -> Response:
    """Give several memories a new version: `MemoryClient.batch_update`."""
    platform.update_batch([change.given() for change in changes.memories])
    return answer({"message": f"Successfully updated {len(changes.memories)} memories"})


@router.delete("/")
def batch_delete(deletions: Deletions, platform: AnyPlatform) -> Response:
    """Delete several memories: `MemoryClient.batch_delete`."""
    platform.delete_batch([each.memory_id for each in deletions.memories])
    return answer({"message": f"Successfully deleted {len(deletions.memories)} memories"})
