"""What checks the vault, and proves what its log holds."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from memos.infrastructure.reports import Verification
from memos.interface.http.answers import answer
from memos.interface.http.caller import AnyCaller
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.operation.proof import Proof

router = APIRouter(prefix="/v1", tags=["proofs"], route_class=StrictRoute)


class VerifierKey(BaseModel):
    """The public key that checks the vault's checkpoints, proofs and erasure receipts."""

    verifier_key: str


@router.post("/verifications", response_model=model_of(Verification))
async def verify(who: AnyCaller) -> Response:
    """Check the log against its hashes, tree and checkpoints, and every head."""
    return answer(await who.memory.verify())


@router.get("/proofs/{event_id}", response_model=model_of(Proof))
async def prove(event_id: str, who: AnyCaller) -> Response:
    """Prove that an event is in the log."""
    return answer(await who.memory.prove(event_id))


@router.get("/verifier-key", response_model=VerifierKey)
async def verifier_key(who: AnyCaller) -> Response:
    """The public key by which anybody checks what the vault signs."""
    return answer({"verifier_key": await who.memory.verifier_key()})
