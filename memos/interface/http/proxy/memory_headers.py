"""What a request's headers say of memories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Self

from memos.interface.http.problems import Refusal
from memos.interface.http.proxy.headers import MEMORY_PREFIX

SCOPE = "x-memos-scope"
REMEMBER = "x-memos-remember"
SESSION = "x-memos-session"
BUDGET = "x-memos-budget"
OPTIONAL = "x-memos-optional"
UPSTREAM_KEY = "x-memos-upstream-key"
_NAMES = (SCOPE, REMEMBER, SESSION, BUDGET, OPTIONAL, UPSTREAM_KEY)
_NEED_A_SCOPE = (REMEMBER, SESSION, BUDGET, OPTIONAL)
_FLAGS = {"true": True, "false": False}
_LONGEST_NUMBER = 9
DEFAULT_SESSION, DEFAULT_BUDGET = "chat", 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryHeaders:
    """What a request says of memories.

    Attributes:
        scopes: where to look; empty where no memories are asked for.
        remembers: whether question and answer are added to `session` of the one scope.
        session: which conversation of the scope it is.
        budget_tokens: how many tokens what is found for a question may have.
        is_optional: whether the request goes on without memories where they cannot be had.
        upstream_key: the caller's own key of the server that is asked; empty for this server's.
    """

    scopes: tuple[str, ...] = ()
    remembers: bool = False
    session: str = DEFAULT_SESSION
    budget_tokens: int = DEFAULT_BUDGET
    is_optional: bool = False
    upstream_key: str = ""

    @classmethod
    def of(cls, sent: Iterable[tuple[bytes, bytes]]) -> Self:
        """What these headers say, whose names are in small letters.

        Raises:
            Refusal: they say it in a way that is not understood; nothing of it is guessed.
        """
        said = _said(sent)
        scopes = tuple(part.strip() for part in said[SCOPE].split(",")) if SCOPE in said else ()
        if not scopes and (named := [name for name in _NEED_A_SCOPE if name in said]):
            raise _malformed(f"{named[0]} says how memories are used, and {SCOPE} names none")
        remembers = _flag(said, REMEMBER)
        if remembers and len(scopes) != 1:
            raise _malformed(f"{REMEMBER}: true writes in one scope, and {SCOPE} names several")
        return cls(
            scopes=scopes,
            remembers=remembers,
            session=said.get(SESSION, DEFAULT_SESSION),
            budget_tokens=_number(said),
            is_optional=_flag(said, OPTIONAL),
            upstream_key=_key(said.get(UPSTREAM_KEY, "")),
        )


def _said(sent: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """Each header of ours, once, in UTF-8."""
    said: dict[str, str] = {}
    for raw, value in sent:
        if not raw.startswith(MEMORY_PREFIX):
            continue
        name = raw.decode("latin-1")
        if name not in _NAMES:
            raise _malformed(f"there is no header {name!a}: there are {', '.join(_NAMES)}")
        if name in said:
            raise _malformed(f"the header {name} stands twice")
        try:
            said[name] = value.decode("utf-8").strip()
        except UnicodeDecodeError:
            raise _malformed(f"the header {name} is no UTF-8") from None
        if not said[name]:
            raise _malformed(f"the header {name} is empty: leave it out")
    return said


def _flag(said: Mapping[str, str], name: str) -> bool:
    value = said.get(name, "false").lower()
    if value not in _FLAGS:
        raise _malformed(f"{name} takes true or false")
    return _FLAGS[value]


def _number(said: Mapping[str, str]) -> int:
    value = said.get(BUDGET, str(DEFAULT_BUDGET))
    if not (value.isascii() and value.isdigit() and len(value) <= _LONGEST_NUMBER):
        raise _malformed(f"{BUDGET} takes a number of tokens")
    return int(value)


def _key(value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise _malformed(f"{UPSTREAM_KEY} takes printable ASCII")
    return value


def _malformed(detail: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "malformed", detail)
