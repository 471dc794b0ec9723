# SPDX-License-Identifier: Apache-2.0
"""The keys and certificates of a stack: made once in a folder, then read again."""

import os
import secrets
import subprocess
from dataclasses import dataclass
from pathlib import Path

CERTIFICATE_DAYS = 365
ONE_DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Credentials:
    """The files that the programs read, and the secrets that clients need."""

    api_keys: Path
    s3_credentials: Path
    token_keys: Path
    admin_token: Path
    ca: Path
    certificate: Path
    certificate_key: Path

    @property
    def api_key(self) -> str:
        """A secret that may write through the API."""
        return self.api_keys.read_text().strip().split(":", 1)[1]

    @property
    def s3_key_pair(self) -> tuple[str, str]:
        """Access key and secret key of the embedded S3 endpoint."""
        access, secret = self.s3_credentials.read_text().strip().split(":", 1)
        return access, secret

    @property
    def token_key(self) -> str:
        """The hex secret that signs playback tokens."""
        return self.token_keys.read_text().split()[0]


def make_credentials(folder: Path) -> Credentials:
    """Makes what is missing in `folder`; replaces an edge certificate that ends within a day."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = Credentials(
        api_keys=folder / "api.keys",
        s3_credentials=folder / "s3.credentials",
        token_keys=folder / "token.keys",
        admin_token=folder / "admin.token",
        ca=folder / "ca.crt",
        certificate=folder / "edge.crt",
        certificate_key=folder / "edge.key",
    )
    _write_secret(made.api_keys, f"demo:{secrets.token_urlsafe(24)}\n")
    _write_secret(made.s3_credentials, f"SPILLWAY{secrets.token_hex(6).upper()}:{secrets.token_urlsafe(30)}\n")
    _write_secret(made.token_keys, f"{secrets.token_hex(32)}\n")
    _write_secret(made.admin_token, f"{secrets.token_hex(32)}\n")
    if not _lasts_a_day(made.certificate):
        _make_certificates(folder, made)
    return made


def _write_secret(path: Path, text: str) -> None:
    if path.exists():
        return
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)


def _lasts_a_day(certificate: Path) -> bool:
    command = ["openssl", "x509", "-in", str(certificate), "-noout", "-checkend", str(ONE_DAY_SECONDS)]
    return certificate.exists() and subprocess.run(command, capture_output=True).returncode == 0


def _make_certificates(folder: Path, names: Credentials) -> None:
    """A local authority, and a certificate of it for this machine's loopback names."""
    ca_key, request, extensions = folder / "ca.key", folder / "edge.csr", folder / "edge.ext"
    extensions.write_text(
        "basicConstraints = critical, CA:FALSE\n"
        "keyUsage = critical, digitalSignature\n"
        "extendedKeyUsage = serverAuth\n"
        "subjectAltName = DNS:localhost, IP:127.0.0.1, IP:::1\n"
    )
    days = ["-days", str(CERTIFICATE_DAYS)]
    ec_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    ca_name = f"/CN=Spillway local authority {secrets.token_hex(4)}"
    ca_use = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    _openssl("req", "-x509", *ec_key, "-keyout", ca_key, "-out", names.ca, "-subj", ca_name, *days, *ca_use)
    _openssl("req", *ec_key, "-keyout", names.certificate_key, "-out", request, "-subj", "/CN=localhost")
    signer: list[str | Path] = ["-CA", names.ca, "-CAkey", ca_key, "-CAcreateserial", "-extfile", extensions]
    _openssl("x509", "-req", "-in", request, "-out", names.certificate, "-sha256", *days, *signer)
    for secret in (ca_key, names.certificate_key):
        secret.chmod(0o600)


def _openssl(*arguments: str | Path) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]} failed: {done.stderr.strip()}")
