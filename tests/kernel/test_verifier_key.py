"""Verifier keys as text: name+key id+base64, as Go's checksum database has them."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.kernel.note import (
    NoteError,
    check_name,
    encode_verifier_key,
    key_id,
    parse_verifier_key,
)

# The public key of Go's checksum database, in the text form that every Go release carries.
GO_NAME = "sum.golang.org"
GO_PUBLIC_KEY = "ce3372d75ad1ee5ecdaf8727293d4b111d87eb37531d7c86d4d3003f0eb809fc"
GO_VERIFIER_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\u2003b", "a\u2028b", "a\nb", "a\x01", "\ud800"]
)
def test_a_key_may_not_be_named_so(name: str) -> None:
    with pytest.raises(NoteError, match="malformed") as refused:
        check_name(name)
    assert refused.value.fault == "malformed"


def test_the_key_of_go_s_checksum_database_reads_and_writes_as_published() -> None:
    key = parse_verifier_key(GO_VERIFIER_KEY)
    assert key.name == GO_NAME
    assert key.key_id.hex() == "033de0ae"
    assert key.public_key.hex() == GO_PUBLIC_KEY
    assert encode_verifier_key(GO_NAME, bytes.fromhex(GO_PUBLIC_KEY)) == GO_VERIFIER_KEY


@given(st.binary(min_size=32, max_size=32))
def test_any_verifier_key_comes_back_as_it_was(public_key: bytes) -> None:
    key = parse_verifier_key(encode_verifier_key("log.example/1", public_key))
    assert key == ("log.example/1", key_id("log.example/1", public_key), public_key)


NO_BASE64 = "the verifier key is not base64"
MALFORMED_KEYS = {
    "empty": ("", "a verifier key is name+key id+base64"),
    "a name only": ("sum.golang.org", "a verifier key is name+key id+base64"),
    "no key": ("sum.golang.org+033de0ae", "a verifier key is name+key id+base64"),
    "another name": (
        GO_VERIFIER_KEY.replace("sum", "sun"),
        "'033de0ae' is not the id of the key 'sun.golang.org'",
    ),
    "another id": (
        GO_VERIFIER_KEY.replace("033de0ae", "033de0af"),
        "'033de0af' is not the id of the key 'sum.golang.org'",
    ),
    "an id in capitals": (
        GO_VERIFIER_KEY.replace("033de0ae", "033DE0AE"),
        "'033DE0AE' is not the id of the key 'sum.golang.org'",
    ),
    "a letter not of ASCII": (GO_VERIFIER_KEY.replace("+Ac4", "+A\u04414"), NO_BASE64),
    "another type of key": (
        GO_VERIFIER_KEY.replace("+Ac4", "+Bc4"),
        "the verifier key 'sum.golang.org' is not of type Ed25519",
    ),
    "a line end": (GO_VERIFIER_KEY + "\n", NO_BASE64),
    "a short key": (GO_VERIFIER_KEY[:-4], "a public key is 32 bytes, not 29"),
    "a space in the name": (
        "a b" + GO_VERIFIER_KEY,
        "'a bsum.golang.org' is no key name: it is empty or has a space or '+'",
    ),
}


@pytest.mark.parametrize(("text", "told"), MALFORMED_KEYS.values(), ids=MALFORMED_KEYS.keys())
def test_a_malformed_verifier_key_is_refused_with_what_is_wrong(text: str, told: str) -> None:
    with pytest.raises(NoteError) as refused:
        parse_verifier_key(text)
    assert (str(refused.value), refused.value.fault) == (f"malformed: {told}", "malformed")


def test_a_verifier_key_of_another_signature_type_is_named_so() -> None:
    ecdsa = b64encode(b"\x02" + bytes.fromhex(GO_PUBLIC_KEY)).decode()
    with pytest.raises(NoteError, match="not of type Ed25519"):
        parse_verifier_key(f"{GO_NAME}+033de0ae+{ecdsa}")


def test_a_public_key_of_another_length_is_refused() -> None:
    with pytest.raises(
        NoteError, match=r"^malformed: a public key is 32 bytes, not 31$"
    ) as refused:
        encode_verifier_key("name", bytes(31))
    assert refused.value.fault == "malformed"
