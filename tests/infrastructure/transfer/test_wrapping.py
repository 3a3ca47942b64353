from __future__ import annotations

import pytest

from memos import InvalidInput, Refused
from memos.infrastructure.transfer.wrapping import (
    Wrapping,
    cube_binding,
    new_recipient,
    tenant_binding,
    unwrap,
    wrap,
)

KEY = bytes(range(32))


def test_a_key_wrapped_to_a_recipient_opens_with_the_private_half() -> None:
    recipient = new_recipient()
    sealing = wrap(recipient.public, None)
    box = sealing.seal(KEY, b"cube")
    assert KEY not in box
    assert unwrap(sealing.described, None, recipient.private).open(box, b"cube") == KEY


def test_a_sealed_key_does_not_open_in_another_place() -> None:
    sealing = wrap(new_recipient().public, None)
    box = sealing.seal(KEY, cube_binding(b"a" * 16))
    with pytest.raises(Refused, match="changed or moved"):
        sealing.open(box, cube_binding(b"b" * 16))
    assert tenant_binding("acme", 0) != tenant_binding("acme", 1)


def test_two_exports_to_one_recipient_share_no_key() -> None:
    recipient = new_recipient()
    one, two = wrap(recipient.public, None), wrap(recipient.public, None)
    with pytest.raises(Refused):
        two.open(one.seal(KEY, b"cube"), b"cube")


def test_keys_in_clear_are_told_to_be() -> None:
    sealing = wrap(None, None)
    assert sealing.in_clear
    assert sealing.described == {"method": "clear"}
    assert unwrap({"method": "clear"}, None, None).open(sealing.seal(KEY, b""), b"") == KEY


@pytest.mark.parametrize("recipient", ["", "no base64!", "AAAA", b"short", bytes(32)])
def test_what_is_no_public_key_is_refused(recipient: str | bytes) -> None:
    with pytest.raises(InvalidInput, match="X25519"):
        wrap(recipient, None)


def test_a_recipient_and_a_passphrase_together_are_an_error() -> None:
    with pytest.raises(InvalidInput, match="not both"):
        wrap(new_recipient().public, "words")
    with pytest.raises(InvalidInput, match="empty"):
        wrap(None, "")


def test_a_passphrase_is_stretched_as_long_as_is_advised_for_one_of_a_file() -> None:
    described = wrap(None, "words").described
    assert (described["n"], described["r"], described["p"]) >= (2**17, 8, 1)


@pytest.mark.parametrize(
    "changes",
    [{"n": 2**21}, {"n": 3}, {"n": True}, {"r": 10**6}, {"p": 99}, {"salt": "%"}, {"kdf": "md5"}],
)
def test_a_passphrase_wrapping_that_would_exhaust_the_reader_is_refused(
    changes: dict[str, object],
) -> None:
    described = {"method": "passphrase", "kdf": "scrypt", "n": 2**4, "r": 8, "p": 1, "salt": "AAAA"}
    with pytest.raises(Refused):
        unwrap({**described, "wrapped": "AAAA", **changes}, "words", None)


def test_a_wrapping_opens_only_whole_keys() -> None:
    with pytest.raises(Refused, match="3 bytes"):
        Wrapping(None, {"method": "clear"}).open(b"abc", b"")
