"""ETags and If-Match: a write says of which version it is, or that it is of any.

An ETag is `"VERSION-DIGEST"`. The version is compared where the write is decided, so no other writer
comes between; the digest before it, for a version has one digest for ever, and another vault's differs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Header

from memos.interface.http.problems import Refusal
from memos.kernel.errors import Conflict
from memos.operation.cube import STATES_BY_TITLE

if TYPE_CHECKING:
    from memos import AsyncMemory, MemCube, Receipt

_TAG = re.compile(r'"(\d{1,18})(?:-([0-9a-f]{1,64}))?"')
_DIGEST_LENGTH = 32
_ANY_STATE = tuple(STATES_BY_TITLE)


def etag(version: int, digest: str) -> str:
    """The ETag of a version."""
    return f'"{version}-{digest[:_DIGEST_LENGTH]}"' if digest else f'"{version}"'


def tagged(result: MemCube | Receipt) -> Mapping[str, str]:
    """The header that names the version of an answer."""
    return {"ETag": etag(result.version, result.digest)}


class Expected:
    """What a write expects of the memory that it changes."""

    def __init__(self, version: int | None, digest: str) -> None:
        self._version = version
        self._digest = digest

    async def version_of(self, memory: AsyncMemory, cube_id: str) -> int | None:
        """The `expected_version` of the write.

        Raises:
            Conflict: what is there has this version, and another digest.
        """
        if self._digest:
            found = await memory.list(
                filter={"cube_id": cube_id}, state=_ANY_STATE, facts=True, limit=1
            )
            for cube in found:
                is_its = cube.digest.startswith(self._digest)
                if cube.version == self._version and not is_its:
                    raise Conflict(
                        f"cube {cube_id} is at version {cube.version} of another history: read it "
                        "again and decide anew",
                        cube.version,
                    )
        return self._version


def expected(
    if_match: Annotated[
        str | None,
        Header(
            description='The ETag that was read; or `"3"`, a version; or `*`, whatever is there.'
        ),
    ] = None,
) -> Expected:
    """What If-Match expects.

    Raises:
        Refusal: there is none (428), or none that can be understood.
    """
    if if_match is None:
        raise Refusal(
            HTTPStatus.PRECONDITION_REQUIRED,
            "precondition-required",
            "the change names no version: send If-Match with the ETag that you read, or * to change "
            "whatever is there",
        )
    if if_match.strip() == "*":
        return Expected(None, "")
    matched = _TAG.fullmatch(if_match.strip())
    if matched is None:
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "malformed",
            'If-Match takes one strong ETag as an answer had it, a version such as "3", or *',
        )
    return Expected(int(matched[1]), matched[2] or "")


IfMatch = Annotated[Expected, Depends(expected)]
