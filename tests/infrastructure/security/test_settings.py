"""The settings of secured servers: how a file has them, and that no error tells a secret."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import pytest

from memos.infrastructure.engine.distributed.settings import DistributedSettings, load_settings
from memos.infrastructure.index.milvus import MilvusSettings
from memos.kernel.errors import InvalidInput, VaultError
from streams.security import credentials, tls_context
from tests.certificates import Authority
from tests.fleet import ROOT

SECRET = "Eiche-17-Ufer"
CASSANDRA = '[cassandra]\nhosts = ["127.0.0.1"]\n'
KAFKA = '[kafka]\nbootstrap_servers = "127.0.0.1:9092"\n'


def loaded(directory: Path, text: str) -> DistributedSettings:
    path = directory / "memos.toml"
    path.write_text(text)
    return load_settings(path)


def test_dotted_names_with_and_without_quotes_are_the_same_settings(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    bare = (
        '[kafka.extra]\nsecurity.protocol = "SASL_SSL"\nsasl.username = "memos"\n'
        'ssl.ca.location = "ca.pem"\nenable.ssl.certificate.verification = true\n'
        "socket.timeout.ms = 5000\n"
    )
    quoted = re.sub(r"^([a-z.]+) =", r'"\1" =', bare, flags=re.MULTILINE)
    found = loaded(tmp_path, KAFKA + bare + CASSANDRA).kafka.extra
    assert found == loaded(tmp_path, KAFKA + quoted + CASSANDRA).kafka.extra
    assert found == {
        "security.protocol": "SASL_SSL",
        "sasl.username": "memos",
        "ssl.ca.location": str(tmp_path / "ca.pem"),
        "enable.ssl.certificate.verification": "true",
        "socket.timeout.ms": "5000",
    }


def test_files_of_tls_are_relative_to_the_settings_and_may_lie_anywhere(tmp_path: Path) -> None:
    (tmp_path / "tls").mkdir()
    elsewhere = Authority(tmp_path / "elsewhere").path
    for name in ("ca.pem", "us.crt", "us.key"):
        (tmp_path / "tls" / name).touch()
    ours = 'tls_ca = "tls/ca.pem"\ntls_certificate = "tls/us.crt"\ntls_key = "tls/us.key"\n'
    milvus = f'[milvus]\nuri = "https://127.0.0.1:19530"\n{ours}'
    extra = f'[kafka.extra]\nssl.ca.location = "{elsewhere}"\n'
    settings = loaded(tmp_path, f"{KAFKA}{extra}{CASSANDRA}tls = true\n{ours}{milvus}")
    directory = tmp_path / "tls"
    assert settings.milvus is not None
    for each in (settings.cassandra, settings.milvus):
        assert each.tls_ca == str(directory / "ca.pem")
        assert each.tls_certificate == str(directory / "us.crt")
        assert each.tls_key == str(directory / "us.key")
    assert settings.kafka.extra["ssl.ca.location"] == str(elsewhere)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (KAFKA + '[kafka.extra]\nssl.ca.location = "no.pem"\n' + CASSANDRA, "ssl.ca.location"),
        (KAFKA + CASSANDRA + 'tls = true\ntls_ca = "no.pem"\n', r"\[cassandra\] tls_ca"),
    ],
)
def test_a_file_of_tls_that_is_not_there_is_named(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=f"{told} names .*no.pem"):
        loaded(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        KAFKA + CASSANDRA + f'password = ["{SECRET}"]\n',
        KAFKA
        + f'[kafka.extra]\nsasl.password = "{SECRET}"\nsasl.username = ["memos"]\n'
        + CASSANDRA,
        KAFKA + CASSANDRA + f'[milvus]\nuri = "http://127.0.0.1:1"\ntoken = ["{SECRET}"]\n',
        KAFKA + CASSANDRA + f'[milvus]\nuri = "http://root:{SECRET}@127.0.0.1:1"\n',
    ],
)
def test_a_setting_of_the_wrong_type_is_named_and_no_password_told(
    tmp_path: Path, text: str
) -> None:
    with pytest.raises(InvalidInput, match=r"\[(kafka|cassandra|milvus)\]") as refused:
        loaded(tmp_path, text)
    assert SECRET not in str(refused.value)


def test_a_file_that_is_no_certificate_is_told_of_cassandra_and_of_the_workers(
    tmp_path: Path,
) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    text = KAFKA + '[kafka.extra]\nssl.ca.location = "ca.pem"\n'
    settings = loaded(tmp_path, f'{text}{CASSANDRA}tls = true\ntls_ca = "ca.pem"\n')
    with pytest.raises(VaultError, match=r"TLS files do not fit.*tls_ca"):
        settings.cassandra.tls_context()
    with pytest.raises(InvalidInput, match=r"TLS files do not fit \(ssl"):
        tls_context(settings.kafka.extra)


@pytest.mark.parametrize("as_directory", [False, True])
def test_the_workers_trust_a_file_or_a_directory_of_authorities(
    tmp_path: Path, as_directory: bool
) -> None:
    authority = Authority(tmp_path).path
    named = authority.parent if as_directory else authority
    context = tls_context({"ssl.ca.location": str(named)})
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    # Of a directory, OpenSSL reads a certificate when one is to be checked.
    assert len(context.get_ca_certs()) == (0 if as_directory else 1)


def test_milvus_needs_https_for_an_authority_and_all_files_for_a_clients_certificate() -> None:
    with pytest.raises(InvalidInput, match="https"):
        MilvusSettings("http://127.0.0.1:19530", tls_ca="ca.pem")
    with pytest.raises(InvalidInput, match="tls_key"):
        MilvusSettings("https://127.0.0.1:19530", tls_ca="ca.pem", tls_certificate="us.crt")


def test_the_example_of_the_documentation_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (ROOT / "docs" / "distributed.md").read_text("utf-8")
    section = page.split("## Secured servers\n")[1].split("\n## ")[0]
    example = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
    assert example is not None
    for variable in re.findall(r"\$\{([A-Z_]+)\}", example[1]):
        monkeypatch.setenv(variable, SECRET)
    authority = Authority(tmp_path / "tls", "ca").path
    settings = loaded(tmp_path, example[1])
    assert credentials(settings.kafka.extra) is not None
    assert settings.kafka.extra["sasl.password"] == SECRET
    assert settings.kafka.extra["ssl.ca.location"] == str(authority)
    assert settings.cassandra.tls_context() is not None
    assert settings.cassandra.password == SECRET
    assert settings.milvus is not None
    assert SECRET in settings.milvus.token
    assert settings.milvus.tls_files == {"server_pem_path": str(authority)}
    assert SECRET not in repr(settings)
