"""TLS and SASL: the log's settings, which are librdkafka's, as Faust's credentials."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from memos.kernel.errors import InvalidInput

_MECHANISMS = frozenset({"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"})
_KNOWN = frozenset(
    {
        "security.protocol",
        "sasl.mechanism",
        "sasl.mechanisms",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.endpoint.identification.algorithm",
        "enable.ssl.certificate.verification",
    }
)
_SECURITY = ("security.", "sasl.", "ssl.", "enable.ssl.")


def credentials(extra: Mapping[str, str]) -> Credentials | None:
    """The credentials of a connection, from `KafkaSettings.extra`; None for one in clear.

    Settings that are not of security tune librdkafka and mean nothing here.

    Raises:
        InvalidInput: a security setting that Faust's client has nothing for, or a file of
            certificates that cannot be read.
    """
    unknown = sorted(name for name in extra if name.startswith(_SECURITY) and name not in _KNOWN)
    if unknown:
        raise InvalidInput(
            f"the workers cannot do {', '.join(unknown)} of Kafka's settings: use "
            f"{', '.join(sorted(_KNOWN))}"
        )
    protocol = extra.get("security.protocol", "PLAINTEXT").upper()
    if protocol == "PLAINTEXT":
        return None
    if protocol == "SSL":
        return SSLCredentials(tls_context(extra))
    if protocol not in ("SASL_PLAINTEXT", "SASL_SSL"):
        raise InvalidInput(f"{protocol!r} is no security.protocol of Kafka")
    mechanism = extra.get("sasl.mechanism", extra.get("sasl.mechanisms", "")).upper()
    if mechanism not in _MECHANISMS:
        raise InvalidInput(
            f"the workers cannot do Kafka's sasl.mechanism {mechanism or '(none)'}: use "
            f"{', '.join(sorted(_MECHANISMS))}"
        )
    return SASLCredentials(
        username=extra.get("sasl.username", ""),
        password=extra.get("sasl.password", ""),
        mechanism=mechanism,
        ssl_context=tls_context(extra) if protocol == "SASL_SSL" else None,
    )


def tls_context(extra: Mapping[str, str]) -> ssl.SSLContext:
    """The TLS settings of a connection.

    Raises:
        InvalidInput: a file cannot be read.
    """
    trusted = extra.get("ssl.ca.location", "")
    try:
        context = (
            ssl.create_default_context(capath=trusted)
            if Path(trusted).is_dir() and trusted
            else ssl.create_default_context(cafile=trusted if trusted != "probe" else None)
        )
        if certificate := extra.get("ssl.certificate.location"):
            context.load_cert_chain(
                certificate, extra.get("ssl.key.location"), extra.get("ssl.key.password")
            )
    except OSError as error:  # also ssl.SSLError
        raise InvalidInput(f"Kafka's TLS files do not fit (ssl.*.location): {error}") from error
    if extra.get("ssl.endpoint.identification.algorithm", "https") == "none":
        context.check_hostname = False
    if extra.get("enable.ssl.certificate.verification", "true") == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
