from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from memos.kernel.note import (
    Checkpoint,
    Fault,
    NoteError,
    Signature,
    check_name,
    encode_verifier_key,
    key_id,
    open_note,
    parse_verifier_key,
    write_note,
)

# The public key of Go's checksum database, in the text form that every Go release carries.
GO_NAME = "sum.golang.org"
GO_PUBLIC_KEY = "ce3372d75ad1ee5ecdaf8727293d4b111d87eb37531d7c86d4d3003f0eb809fc"
GO_VERIFIER_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"


@dataclass
class Key:
    """An Ed25519 key under a name: signer and verifier in one."""

    name: str
    seed: bytes
    private: Ed25519PrivateKey = field(init=False)
    public: bytes = field(init=False)
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        self.private = Ed25519PrivateKey.from_private_bytes(self.seed)
        self.public = self.private.public_key().public_bytes_raw()
        self.key_id = key_id(self.name, self.public)

    def sign(self, message: bytes) -> bytes:
        return self.private.sign(message)

    def verify(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


LOG = Key("example.com/log", bytes(range(32)))
WITNESS = Key("witness.example", bytes(range(1, 33)))
NAMESAKE = Key("example.com/log", bytes(range(2, 34)))
TEXT = "The owl was a baker's daughter.\n\nThere is more.\n"
ROOT = bytes(range(32))


def sign_note(text: str, signers: Sequence[Key]) -> str:
    message = text.encode("utf-8", "surrogatepass")
    return write_note(text, [Signature(key.name, key.key_id, key.sign(message)) for key in signers])


def fault_of(note: str, *verifiers: Key) -> Fault:
    with pytest.raises(NoteError) as caught:
        open_note(note, verifiers)
    assert str(caught.value).startswith(caught.value.fault + ": ")
    return caught.value.fault


def test_a_note_is_text_a_blank_line_and_an_em_dash_line_for_each_key() -> None:
    line = b64encode(LOG.key_id + LOG.private.sign(TEXT.encode())).decode()
    assert sign_note(TEXT, [LOG]) == f"{TEXT}\n\u2014 example.com/log {line}\n"


def test_a_signed_note_opens_to_its_text_and_signatures() -> None:
    opened = open_note(sign_note(TEXT, [LOG]), [LOG])
    assert opened.text == TEXT
    assert opened.signatures == (Signature(LOG.name, LOG.key_id, LOG.private.sign(TEXT.encode())),)


NOTE_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.just("\n"))


@given(NOTE_TEXT)
def test_any_text_in_any_script_comes_back_as_it_was(text: str) -> None:
    note = sign_note(text + "\n", [LOG, WITNESS])
    assert open_note(note, [WITNESS, LOG]).text == text + "\n"


@given(NOTE_TEXT, st.data())
def test_a_note_with_one_character_changed_never_opens(text: str, data: st.DataObject) -> None:
    note = sign_note(text + "\n", [LOG])
    at = data.draw(st.integers(0, len(note) - 1))
    other = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda c: c != note[at]))
    with pytest.raises(NoteError):
        open_note(note[:at] + other + note[at + 1 :], [LOG])


@given(st.text())
def test_no_text_makes_opening_raise_anything_but_a_note_error(text: str) -> None:
    for note in (text, text + "\n", f"{text}\n\n\u2014 {text}\n", f"x\n\n\u2014 name {text}\n"):
        with pytest.raises(NoteError):
            open_note(note, [LOG])


def test_a_note_by_two_keys_opens_with_either_and_with_both() -> None:
    note = sign_note(TEXT, [LOG, WITNESS])
    for verifiers in ([LOG], [WITNESS], [LOG, WITNESS]):
        names = {signature.name for signature in open_note(note, verifiers).signatures}
        assert names == {verifier.name for verifier in verifiers}


def test_a_changed_text_is_a_bad_signature() -> None:
    note = sign_note(TEXT, [LOG])
    assert fault_of(note.replace("owl", "cat"), LOG) == "bad signature"


def test_a_changed_signature_is_a_bad_signature() -> None:
    forged = LOG.key_id + bytes(64)
    assert fault_of(f"{TEXT}\n\u2014 {LOG.name} {b64encode(forged).decode()}\n", LOG) == (
        "bad signature"
    )
    truncated = LOG.key_id + LOG.sign(TEXT.encode())[:63]
    assert fault_of(f"{TEXT}\n\u2014 {LOG.name} {b64encode(truncated).decode()}\n", LOG) == (
        "bad signature"
    )


def test_one_bad_signature_by_a_known_key_refuses_the_note_that_another_signed() -> None:
    bad = sign_note("Another text.\n", [LOG]).split("\n\n")[1]
    note = sign_note(TEXT, [WITNESS]) + bad
    assert fault_of(note, WITNESS, LOG) == "bad signature"
    assert open_note(note, [WITNESS]).text == TEXT  # to whom the other key is unknown


def test_a_note_by_other_keys_only_is_of_an_unknown_key() -> None:
    note = sign_note(TEXT, [LOG])
    assert fault_of(note, WITNESS) == "unknown key"
    assert fault_of(note, NAMESAKE) == "unknown key"
    assert fault_of(note) == "unknown key"


def test_a_key_that_signs_twice_counts_once() -> None:
    note = sign_note(TEXT, [LOG])
    twice = note + note.removeprefix(TEXT + "\n")
    assert len(open_note(twice, [LOG]).signatures) == 1


def test_a_text_without_signature_lines_is_unsigned() -> None:
    for note in ("one line\n", "\n", "a\n\n", "a\nb\n"):
        assert fault_of(note, LOG) == "unsigned"


SIGNATURE = b64encode(LOG.key_id + LOG.sign(TEXT.encode())).decode()
LINE = f"\u2014 {LOG.name} {SIGNATURE}\n"
MALFORMED_NOTES = {
    "empty": "",
    "no last newline": f"{TEXT}\n{LINE}".removesuffix("\n"),
    "carriage returns": f"{TEXT}\n{LINE}".replace("\n", "\r\n"),
    "a hyphen for the dash": f"{TEXT}\n- {LOG.name} {SIGNATURE}\n",
    "no space after the dash": f"{TEXT}\n\u2014{LOG.name} {SIGNATURE}\n",
    "two spaces after the name": f"{TEXT}\n\u2014 {LOG.name}  {SIGNATURE}\n",
    "a space after the signature": f"{TEXT}\n\u2014 {LOG.name} {SIGNATURE} \n",
    "a base64 character missing": f"{TEXT}\n\u2014 {LOG.name} {SIGNATURE.rstrip('=')[:-1]}\n",
    "a name only": f"{TEXT}\n\u2014 {LOG.name}\n",
    "an empty signature": f"{TEXT}\n\u2014 {LOG.name} \n",
    "a key id only": f"{TEXT}\n\u2014 {LOG.name} {b64encode(LOG.key_id).decode()}\n",
    "no name": f"{TEXT}\n\u2014  {SIGNATURE}\n",
    "a plus in the name": f"{TEXT}\n\u2014 a+b {SIGNATURE}\n",
    "a no-break space in the name": f"{TEXT}\n\u2014 a\u00a0b {SIGNATURE}\n",
    "text after the signatures": f"{TEXT}\n{LINE}and more\n",
    "a tab in the text": f"a\tb\n\n{LINE}",
    "a lone surrogate": f"a\ud800b\n\n{LINE}",
    "101 signatures": f"{TEXT}\n{LINE * 101}",
}


@pytest.mark.parametrize("note", MALFORMED_NOTES.values(), ids=MALFORMED_NOTES.keys())
def test_a_malformed_note_is_refused_as_malformed(note: str) -> None:
    assert fault_of(note, LOG) == "malformed"


def test_base64_with_stray_bits_is_malformed_though_it_decodes_to_the_signature() -> None:
    body = SIGNATURE.rstrip("=")
    padding = SIGNATURE.removeprefix(body)
    assert padding
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    stray = body[:-1] + alphabet[alphabet.index(body[-1]) + 1]
    note = f"{TEXT}\n\u2014 {LOG.name} {stray}{padding}\n"
    assert fault_of(note, LOG) == "malformed"


def test_two_verifiers_that_cannot_be_told_apart_are_refused() -> None:
    again = Key(LOG.name, LOG.seed)
    with pytest.raises(ValueError, match="same key id"):
        open_note(sign_note(TEXT, [LOG]), [LOG, again])


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "cr\r\n", "nul\x00\n", "\ud800\n"])
def test_a_text_that_no_note_may_hold_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError, match="malformed"):
        sign_note(text, [LOG])


@pytest.mark.parametrize(
    ("signers", "reason"),
    [
        ([], "not 0"),
        ([LOG, LOG], "once"),
        ([Key("a b", bytes(32))], "no key name"),
    ],
    ids=["nobody", "one key twice", "a name with a space"],
)
def test_signers_that_make_no_valid_note_are_refused(signers: list[Key], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        sign_note(TEXT, signers)


@pytest.mark.parametrize(
    "name", ["", "a b", "a+b", "a\u2003b", "a\u2028b", "a\nb", "a\x01", "\ud800"]
)
def test_a_key_may_not_be_named_so(name: str) -> None:
    with pytest.raises(NoteError, match="malformed"):
        check_name(name)


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


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sum.golang.org",
        "sum.golang.org+033de0ae",
        GO_VERIFIER_KEY.replace("sum", "sun"),
        GO_VERIFIER_KEY.replace("033de0ae", "033de0af"),
        GO_VERIFIER_KEY.replace("033de0ae", "033DE0AE"),
        GO_VERIFIER_KEY.replace("+Ac4", "+A\u04414"),
        GO_VERIFIER_KEY.replace("+Ac4", "+Bc4"),
        GO_VERIFIER_KEY + "\n",
        GO_VERIFIER_KEY[:-4],
        "a b" + GO_VERIFIER_KEY,
    ],
    ids=repr,
)
def test_a_malformed_verifier_key_is_refused(text: str) -> None:
    with pytest.raises(NoteError, match="malformed"):
        parse_verifier_key(text)


def test_a_verifier_key_of_another_signature_type_is_named_so() -> None:
    ecdsa = b64encode(b"\x02" + bytes.fromhex(GO_PUBLIC_KEY)).decode()
    with pytest.raises(NoteError, match="not of type Ed25519"):
        parse_verifier_key(f"{GO_NAME}+033de0ae+{ecdsa}")


def test_a_public_key_of_another_length_is_refused() -> None:
    with pytest.raises(NoteError, match="32 bytes, not 31"):
        encode_verifier_key("name", bytes(31))


def test_a_checkpoint_is_origin_size_root_and_extensions_a_line_each() -> None:
    text = "example.com/log\n0\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert Checkpoint("example.com/log", 0, ROOT).format() == text
    with_extensions = Checkpoint("example.com/log", 0, ROOT, ("one", "two words"))
    assert with_extensions.format() == text + "one\ntwo words\n"


ONE_LINE = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1)


@given(
    ONE_LINE,
    st.integers(0, 2**64 - 1),
    st.binary(min_size=32, max_size=32),
    st.lists(ONE_LINE, max_size=3),
)
def test_any_checkpoint_comes_back_from_its_signed_note(
    origin: str, size: int, root: bytes, extensions: list[str]
) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    note = sign_note(checkpoint.format(), [LOG])
    assert Checkpoint.parse(open_note(note, [LOG]).text) == checkpoint


VALID = Checkpoint("example.com/log", 12, ROOT).format()


MALFORMED_CHECKPOINTS = {
    "empty": "",
    "blank lines": "\n\n\n",
    "no last newline": VALID.removesuffix("\n"),
    "no origin": VALID.replace("example.com/log", ""),
    "a leading zero": VALID.replace("12", "012"),
    "a plus": VALID.replace("12", "+12"),
    "a minus": VALID.replace("12", "-12"),
    "a space": VALID.replace("12", " 12"),
    "an underscore": VALID.replace("12", "1_2"),
    "digits not of ASCII": VALID.replace("12", "\u0661\u0662"),
    "no size": VALID.replace("12", ""),
    "a size over 64 bits": VALID.replace("12", str(2**64)),
    "a size of 5000 digits": VALID.replace("12", "9" * 5000),
    "no padding": VALID.replace("=", ""),
    "a space in base64": VALID.replace("AAEC", "AA EC"),
    "a short root": VALID.replace("AAEC", ""),
    "the other base64 alphabet": VALID.replace("AAEC", "AA-C"),
    "an empty extension": VALID + "\n",
    "an empty extension before another": VALID + "\nextension\n",
    "a tab": VALID + "a\tb\n",
    "carriage returns": VALID.replace("\n", "\r\n"),
}


@pytest.mark.parametrize("text", MALFORMED_CHECKPOINTS.values(), ids=MALFORMED_CHECKPOINTS.keys())
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError, match="malformed"):
        Checkpoint.parse(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a\nb\n", "malformed: a checkpoint is at least three whole lines"),
        (VALID.replace("12", "9" * 50 + "x"), f"malformed: '{'9' * 40}' is not a tree size"),
    ],
)
def test_a_malformed_checkpoint_is_told_in_full(text: str, told: str) -> None:
    with pytest.raises(NoteError) as refused:
        Checkpoint.parse(text)
    assert (str(refused.value), refused.value.fault) == (told, "malformed")


def test_what_is_no_base64_is_told_by_what_it_should_be() -> None:
    with pytest.raises(NoteError, match=r"malformed: .*\broot\b"):
        Checkpoint.parse(VALID.replace("=", ""))


def test_a_signature_with_another_length_of_key_id_is_not_written() -> None:
    told = "malformed: a key id is 4 bytes, not 3"
    with pytest.raises(NoteError, match=f"^{told}$") as refused:
        write_note("text\n", [Signature("log", b"123", b"signature")])
    assert refused.value.fault == "malformed"


@pytest.mark.parametrize(
    ("origin", "size", "root", "extensions"),
    [
        ("", 1, ROOT, ()),
        ("evil\n999", 1, ROOT, ()),
        ("log", -1, ROOT, ()),
        ("log", 2**64, ROOT, ()),
        ("log", 1, ROOT[:31], ()),
        ("log", 1, ROOT, ("",)),
        ("log", 1, ROOT, ("a\nb",)),
        ("log", 1, ROOT, ("\ud800",)),
    ],
    ids=repr,
)
def test_values_that_would_read_as_another_checkpoint_make_none(
    origin: str, size: int, root: bytes, extensions: tuple[str, ...]
) -> None:
    with pytest.raises(NoteError, match="malformed"):
        Checkpoint(origin, size, root, extensions)
