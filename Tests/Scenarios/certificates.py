# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for scenarios, and certificates of it with any names, keys and times."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

EC_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
RSA_KEY = ["-newkey", "rsa:2048", "-nodes"]


@dataclass(frozen=True)
class Certificate:
    """A PEM certificate and its key."""

    certificate: Path
    key: Path

    @property
    def serial(self) -> str:
        """As Python's ssl shows it."""
        line = _openssl("x509", "-in", self.certificate, "-noout", "-serial")
        return line.strip().partition("=")[2]

    def yaml(self) -> str:
        return f'{{certificate: "{self.certificate}", key: "{self.key}"}}'


class Authority:
    """Signs certificates; `ca` is what clients trust."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.ca, self._ca_key = folder / "ca.crt", folder / "ca.key"
        use = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign,cRLSign"]
        _openssl("req", "-x509", *EC_KEY, "-keyout", self._ca_key, "-out", self.ca, "-subj", "/CN=Scenario CA", *use)

    def issue(self, file: str, *names: str, rsa: bool = False, days: int = 30) -> Certificate:
        """A certificate for `names`; with negative `days` it has expired."""
        made = Certificate(self.folder / f"{file}.crt", self.folder / f"{file}.key")
        request, extensions = self.folder / f"{file}.csr", self.folder / f"{file}.ext"
        listed = ", ".join(f"IP:{name}" if name[0].isdigit() or ":" in name else f"DNS:{name}" for name in names)
        extensions.write_text("basicConstraints = CA:FALSE\n" + (f"subjectAltName = {listed}\n" if names else ""))
        key = RSA_KEY if rsa else EC_KEY
        _openssl("req", *key, "-keyout", made.key, "-out", request, "-subj", f"/CN={file[:60]}")
        signer = ["-CA", self.ca, "-CAkey", self._ca_key, "-CAcreateserial", "-extfile", extensions]
        _openssl("x509", "-req", "-in", request, "-out", made.certificate, "-sha256", "-days", str(days), *signer)
        return made


def _openssl(*arguments: str | Path) -> str:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, f"openssl {arguments[0]} failed: {done.stderr.strip()}"
    return done.stdout
