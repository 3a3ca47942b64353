"""Certificates for tests: an authority, and what it signs for servers on the loopback."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

HOURS = timedelta(hours=12)
HOSTS = ("127.0.0.1",)


class Authority:
    """A certificate authority. `path` is what its clients trust."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.path = directory / f"{name}.pem"
        self._directory = directory
        self._name = _named(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        public = self._key.public_key()
        made = (
            _began(self._name, self._name, public)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        )
        self._certificate = made.sign(self._key, hashes.SHA256())
        self.path.write_bytes(_pem(self._certificate))

    def issue(self, name: str, hosts: Sequence[str] = HOSTS, password: str = "") -> Issued:
        """A key and its certificate for a server at these addresses, or for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(each)) for each in hosts])
        made = (
            _began(_named(name), self._name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(authority, critical=False)
            .add_extension(names, critical=False)
        )
        certificate = made.sign(self._key, hashes.SHA256())
        return Issued(self._directory / name, key, certificate, self._certificate, password)


class Issued:
    """Files of one key and certificate: `key` and `certificate` (PEM), `both` in one file (PEM),
    and `store` (PKCS #12, under the password).
    """

    def __init__(
        self,
        base: Path,
        key: ec.EllipticCurvePrivateKey,
        certificate: x509.Certificate,
        authority: x509.Certificate,
        password: str,
    ) -> None:
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        chain = _pem(certificate) + _pem(authority)
        self.key = _written(base.with_suffix(".key"), private)
        self.certificate = _written(base.with_suffix(".crt"), chain)
        self.both = _written(base.with_suffix(".pem"), private + chain)
        packed = pkcs12.serialize_key_and_certificates(
            base.name.encode(),
            key,
            certificate,
            [authority],
            serialization.BestAvailableEncryption(password.encode())
            if password
            else serialization.NoEncryption(),
        )
        self.store = _written(base.with_suffix(".p12"), packed)


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _began(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - HOURS)
        .not_valid_after(now + HOURS)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    path.chmod(0o600)
    return path
