"""Digests that only the holder of a key can make."""

from __future__ import annotations

import hmac

from memos.kernel.keyed_digest import SOURCE, SUBJECT, digests_among, keyed_digest

KEY = bytes(range(32))


def test_a_digest_is_hmac_sha256_of_label_and_value_cut_to_16_bytes() -> None:
    made = keyed_digest(KEY, SUBJECT, b"caroline")
    assert made == hmac.new(KEY, b"subject\x00caroline", "sha256").digest()[:16]
    assert len(made) == 16


def test_another_key_label_or_value_gives_another_digest() -> None:
    digests = {
        keyed_digest(KEY, SUBJECT, b"caroline"),
        keyed_digest(KEY[::-1], SUBJECT, b"caroline"),
        keyed_digest(KEY, SOURCE, b"caroline"),
        keyed_digest(KEY, SUBJECT, b"carolin"),
        keyed_digest(KEY, b"subjec", b"t\x00caroline"),
    }
    assert len(digests) == 5


def test_only_what_is_as_long_as_a_digest_is_looked_up_as_one() -> None:
    digests = [keyed_digest(KEY, SUBJECT, name) for name in (b"caroline", b"dave")]
    assert digests_among([digests[0], b"", bytes(15), digests[1], bytes(17)]) == digests
