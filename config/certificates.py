"""The TLS certificates of nodes: self-signed ECDSA P-256, disposable, pinned by whoever connects.

A certificate only keeps strangers out and traffic private; who a validator is, its consensus key says.
Ed25519 certificates fail in gRPC, hence P-256. Spec: docs/operations.md, "Certificates".
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from config.load import ConfigError

VALID_DAYS = 10 * 365
LOOPBACK = ("localhost", "127.0.0.1", "::1")
"""Beside its name a certificate is good for these, so that any gRPC client on the machine can pin it."""


def make_certificate(name: str, valid_days: int = VALID_DAYS) -> tuple[bytes, bytes]:
    """A new self-signed certificate for the DNS name `name` and its private key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    hosts = [_host(each) for each in (name, *LOOPBACK)]
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=max(1, 1 - valid_days)))
        .not_valid_after(now + datetime.timedelta(days=valid_days))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return certificate.public_bytes(serialization.Encoding.PEM), private


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def write_certificate(name: str, certificate: Path | str, key: Path | str) -> None:
    """Makes a certificate for `name` and writes both files; the key with mode 0600. Replaces none.

    Raises ConfigError when the key file exists.
    """
    certificate_pem, key_pem = make_certificate(name)
    try:
        descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{key}: exists already; move it and its certificate away first") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(key_pem)
    Path(certificate).write_bytes(certificate_pem)


def pinned_name(pem: bytes) -> str:
    """The name to expect of a server that shows the pinned certificate `pem`, whatever its address is.

    For gRPC's channel option `grpc.ssl_target_name_override`. Raises ConfigError when it has none.
    """
    try:
        certificate = read_certificate(pem)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.DNSName)[0]
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, IndexError):
        raise ConfigError("the certificate names no DNS name; make a new one") from None


def fingerprint(pem: bytes) -> bytes:
    """SHA-256 of the certificate's DER bytes: what a hello signs. Raises ConfigError when not PEM."""
    return read_certificate(pem).fingerprint(hashes.SHA256())


def read_certificate(pem: bytes) -> x509.Certificate:
    """The certificate in PEM bytes. Raises ConfigError when they are none that can be used."""
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        certificate.public_key()
    except (ValueError, TypeError, x509.InvalidVersion, UnsupportedAlgorithm):
        raise ConfigError("not a PEM certificate; get the file again") from None
    return certificate
