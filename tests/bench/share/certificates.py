"""A certificate for this machine as an AWS endpoint has one, RSA with an authority between it and the root;
and a bundle of roots as large as a system's, which holds that root."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

NAME = "localhost"


def make(folder: Path) -> tuple[Path, Path]:
    """The chain with its key, and the bundle."""
    root_key, root = _signed("Bench Root", None, authority=True)
    middle_key, middle = _signed("Bench Authority", (root_key, root), authority=True)
    key, leaf = _signed(NAME, (middle_key, middle), authority=False)
    own = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    chain, bundle = folder / "chain.pem", folder / "roots.pem"
    chain.write_bytes(own + _pem(leaf) + _pem(middle))
    bundle.write_bytes(Path(certifi.where()).read_bytes() + b"\n" + _pem(root))
    return chain, bundle


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _signed(
    name: str, by: tuple[rsa.RSAPrivateKey, x509.Certificate] | None, authority: bool
) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = by[1].subject if by else subject
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if not authority:
        names = [x509.DNSName(NAME), x509.IPAddress(ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return key, builder.sign(by[0] if by else key, hashes.SHA256())
