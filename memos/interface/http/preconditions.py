"""ETags, If-Match and If-None-Match: a write says of what it is, or that it is of whatever is there.

An ETag is `"VERSION-DIGEST-POSITION"`. The version is compared where the write is decided, so no other
writer comes between; digest and position before it. A version has one digest for ever, and another vault's
differs; the position is that of the newest change, also of a state or of a header, which make no version.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Header

from memos.interface.http.problems import Refusal
from memos.kernel.errors import Conflict
from memos.operation.cube import STATES_BY_TITLE

if TYPE_CHECKING:
    from memos import AsyncMemory, MemCube, Receipt

_DIGEST_LENGTH = 32
_TAG = re.compile(rf'"(\d{{1,18}})(?:-([0-9a-f]{{{_DIGEST_LENGTH}}}-\d{{1,18}}:\d{{1,18}}))?"')
_ANY_TAG = r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")'
_TAG_LIST = re.compile(rf"[ \t,]*{_ANY_TAG}(?:[ \t]*,[ \t,]*{_ANY_TAG})*[ \t,]*")
"""Of RFC 9110: tags may hold commas, and elements may be empty."""
_ANY_STATE = tuple(STATES_BY_TITLE)


def etag(result: MemCube | Receipt) -> str:
    """The ETag of what was read or written."""
    told = _told(result)
    return f'"{result.version}-{told}"' if told else f'"{result.version}"'


def tagged(result: MemCube | Receipt) -> Mapping[str, str]:
    """The header that names the version of an answer."""
    return {"ETag": etag(result)}


def _told(result: MemCube | Receipt) -> str:
    """What an ETag tells beside the version; empty where the version cannot be read yet."""
    return f"{result.digest[:_DIGEST_LENGTH]}-{result.position}" if result.digest else ""


def is_known(tag: str, if_none_match: Iterable[str]) -> bool:
    """Whether If-None-Match names a tag, or whatever is there; what is no list of tags names none.

    Args:
        tag: of what is there.
        if_none_match: the header, as often as it stands.
    """
    told = ",".join(if_none_match)
    if told.strip() == "*":
        return True
    return _TAG_LIST.fullmatch(told) is not None and tag in re.findall(_ANY_TAG, told)


class Expected:
    """What a write expects of the memory that it changes."""

    def __init__(self, version: int | None, told: str) -> None:
        self._version = version
        self._told = told

    async def version_of(self, memory: AsyncMemory, cube_id: str) -> int | None:
        """The `expected_version` of the write.

        Raises:
            Conflict: what is there has this version, and is of another history or was changed since.
        """
        if self._told:
            found = await memory.list(
                filter={"cube_id": cube_id}, state=_ANY_STATE, facts=True, limit=1
            )
            for cube in found:
                if cube.version == self._version and _told(cube) != self._told:
                    raise Conflict(
                        f"cube {cube_id} is at version {cube.version} still, and its state or its header "
                        "was changed, or it is of another history: read it again and decide anew",
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
