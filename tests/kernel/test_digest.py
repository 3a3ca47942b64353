"""The digest of a vault: what a rebuild must reproduce bit for bit."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import memos
from memos.kernel.cube import (
    CubeState,
    Form,
    Header,
    IssuedKey,
    Lifecycle,
    Lifespan,
    LifespanEnd,
    PartVersions,
)
from memos.kernel.digest import cube_digest, vault_digest
from tests.kernel.builders import ident

STATE = CubeState(
    ident(1),
    "acme/a",
    Form.PLAINTEXT,
    Lifecycle.GENERATED,
    0,
    2,
    5,
    Header(owner="agent:alice", lifespan=Lifespan(after=9)),
    (b"s" * 16,),
    PartVersions(2, 1, 1, 1, 1),
    b"v" * 32,
    b"l" * 32,
)
KEY = IssuedKey(ident(5), b"k" * 32, "agent:bob", "", ("read",), ("acme/bob",), "memos/0", 1)


RELEASED = "49ff16725436d9cf782503897a1527297a7aa7852c86ea02911e04f5f9b28a3e"

FULL = CubeState(
    ident(1),
    "acme/größe",
    Form.TENANT,
    Lifecycle.FROZEN,
    2,
    3,
    4,
    Header(
        "agent:alice",
        ("agent:bob", "agent:zoë"),
        ("agent:carol",),
        Lifespan(5, -6, True, 7, LifespanEnd.ERASE),
        -8,
        "secret",
        "care",
    ),
    (b"s" * 16, b"t" * 16),
    PartVersions(3, 2, 1, 2, 3),
    b"v" * 32,
    b"l" * 32,
    ident(9),
    ident(10),
    True,
    ("agent:dan", "agent:eve"),
    ("public", "secret"),
)
RELEASED_FULL = "4d9b2f09c9af98fa4f142dd10ab0f4afcca88934d7665f7a5a3e877c91607ef6"


def test_a_vault_s_digest_is_over_its_cubes_in_the_order_given() -> None:
    cubes = [(ident(n), cube_digest(STATE._replace(cube_id=ident(n)))) for n in (1, 2)]
    joined = b"".join(cube_id + digest for cube_id, digest in cubes)
    assert vault_digest(cubes) == sha256(b"memos/digest/v1\n" + joined).hexdigest()
    assert vault_digest(reversed(cubes)) != vault_digest(cubes)
    assert vault_digest([]) == sha256(b"memos/digest/v1\n").hexdigest()


def test_a_cube_s_digest_is_the_one_that_was_released() -> None:
    assert cube_digest(STATE).hex() == RELEASED
    assert cube_digest(FULL).hex() == RELEASED_FULL


@pytest.mark.parametrize(
    "change",
    [
        {"cube_id": ident(2)},
        {"scope": "acme/b"},
        {"scope": "acme/\ud800"},
        {"form": Form.ACTIVATION},
        {"lifecycle": Lifecycle.ARCHIVED},
        {"thaws_to": 1},
        {"version": 3},
        {"header": STATE.header._replace(owner="agent:bob")},
        {"header": STATE.header._replace(readers=("agent:bob",))},
        {"header": STATE.header._replace(writers=("agent:bob",))},
        {"header": STATE.header._replace(lifespan=None)},
        {"header": STATE.header._replace(lifespan=Lifespan(9, since=-1))},
        {"header": STATE.header._replace(lifespan=Lifespan(9, renewed_by_access=True))},
        {"header": STATE.header._replace(lifespan=Lifespan(9, half_life=1))},
        {"header": STATE.header._replace(lifespan=Lifespan(9, then=LifespanEnd.ERASE))},
        {"header": STATE.header._replace(priority=1)},
        {"header": STATE.header._replace(priority=-1)},
        {"header": STATE.header._replace(sensitivity="secret")},
        {"header": STATE.header._replace(purpose="care")},
        {"subjects": (b"t" * 16,)},
        {"subjects": ()},
        {"parts": PartVersions(1, 1, 1, 1, 1)},
        {"versions_digest": b"w" * 32},
        {"lineage_digest": b"m" * 32},
        {"erasing": ident(9)},
        {"merged_into": ident(9)},
        {"yields_to_erase": True},
        {"administrators": ("agent:bob",)},
        {"sensitivities": ("agent:bob",)},
        {"ended_edges": (b"agent:bob",)},
        {"api_keys": (KEY,)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_fact_of_a_cube_is_in_its_digest(change: dict[str, object]) -> None:
    assert cube_digest(STATE._replace(**change)) != cube_digest(STATE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"key_id": ident(6)},
        {"secret_digest": b"l" * 32},
        {"actor": "agent:carol"},
        {"name": "phone"},
        {"actions": ("read", "write")},
        {"scopes": ()},
        {"origin": "memos/other"},
        {"created": 2},
        {"expires": 1},
        {"replaces": ident(7)},
        {"replaced_by": ident(7)},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_fact_of_an_api_key_but_its_last_use_is_in_the_digest(
    change: dict[str, object],
) -> None:
    with_key = cube_digest(STATE._replace(api_keys=(KEY,)))
    assert cube_digest(STATE._replace(api_keys=(KEY._replace(**change),))) != with_key  # type: ignore[arg-type]
    assert cube_digest(STATE._replace(api_keys=(KEY._replace(last_used=5),))) == with_key


NUMBERS = st.integers(-(2**63), 2**63 - 1)
HEADERS = st.builds(
    Header,
    owner=st.text(max_size=2),
    readers=st.lists(st.text(max_size=2), max_size=2).map(tuple),
    lifespan=st.none() | st.builds(Lifespan, NUMBERS, NUMBERS, st.booleans(), NUMBERS),
    priority=NUMBERS,
)


@given(HEADERS, HEADERS)
def test_any_two_headers_that_differ_have_two_digests(one: Header, other: Header) -> None:
    digests = {cube_digest(STATE._replace(header=header)) for header in (one, other)}
    assert len(digests) == len({one, other})


def test_the_count_of_attempts_and_the_keys_of_retries_are_not() -> None:
    retried = STATE._replace(sequence=6)
    assert cube_digest(retried) == cube_digest(STATE)


def test_fields_that_touch_are_told_apart() -> None:
    """A reader moved to the writers, or a letter from one name to the next, is another cube."""
    header = STATE.header
    pairs = [
        (header._replace(readers=("a",)), header._replace(writers=("a",))),
        (header._replace(readers=("ab", "c")), header._replace(readers=("a", "bc"))),
        (header._replace(sensitivity="ab"), header._replace(sensitivity="a", purpose="b")),
    ]
    for one, other in pairs:
        assert cube_digest(STATE._replace(header=one)) != cube_digest(STATE._replace(header=other))


@pytest.mark.parametrize("tag", ["memos/digest", "memos/cube/v1", "memos/usage", "memos/body"])
def test_a_domain_tag_stands_in_one_file(tag: str) -> None:
    root = Path(memos.__file__).parent
    files = [path for path in root.rglob("*.py") if f'b"{tag}' in path.read_text()]
    assert len(files) == 1, files
    if tag in ("memos/digest", "memos/cube/v1"):
        assert files == [root / "kernel" / "digest.py"]
