# SPDX-License-Identifier: Apache-2.0
"""Certificates by host name, versions and tickets of TLS, for clients that are not ours: Python's ssl and openssl."""

import re
import secrets
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from certificates import Authority, Certificate
from configured_edge import ConfiguredEdge, configured_edge
from curl import HTTP_1, HTTP_2, fetch
from stack.paths import program
from stack.ports import free_ports

VERSIONS = ["-tls1_2", "-tls1_3"]


@dataclass(frozen=True)
class Certificates:
    """`first` is the default; `exact` and `wildcard` overlap; `ecdsa` and `rsa` have the same name."""

    authority: Authority
    first: Certificate
    exact: Certificate
    wildcard: Certificate
    ecdsa: Certificate
    rsa: Certificate

    def yaml(self) -> str:
        return ", ".join(one.yaml() for one in (self.first, self.wildcard, self.exact, self.rsa, self.ecdsa))


@pytest.fixture(scope="module")
def certificates(work_folder: Path) -> Certificates:
    authority = Authority(work_folder / "tls" / "keys")
    return Certificates(
        authority,
        first=authority.issue("first", "first.example", "127.0.0.1"),
        exact=authority.issue("exact", "live.example.org"),
        wildcard=authority.issue("wildcard", "*.example.org"),
        ecdsa=authority.issue("ecdsa", "both.example.net"),
        rsa=authority.issue("rsa", "both.example.net", rsa=True),
    )


def text(port: int, admin: int, tls: str) -> str:
    return f"""\
workers: 2
listen: [{{endpoint: 127.0.0.1:{port}, tls: true}}]
admin: {{listen: 127.0.0.1:{admin}}}
tls: {tls}
token: {{required: false}}
requests: {{methods: read}}
upstream: {{servers: [127.0.0.1:1]}}
"""


@dataclass(frozen=True)
class Site:
    edge: ConfiguredEdge
    port: int
    certificates: Certificates


@pytest.fixture(scope="module")
def site(work_folder: Path, certificates: Certificates) -> Iterator[Site]:
    port, admin = free_ports(2)
    tls = f"{{certificates: [{certificates.yaml()}]}}"
    with configured_edge(work_folder / "tls", "names", admin, text(port, admin, tls)) as edge:
        yield Site(edge, port, certificates)


def connect(port: int, name: str | None, **settings: object) -> ssl.SSLSocket:
    """A handshake that checks no name; `settings` are attributes of the context."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # old versions are the server's to refuse
    for key, value in settings.items():
        setattr(context, key, value)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", port), timeout=10), server_hostname=name)


def serial_of(connection: ssl.SSLSocket) -> str:
    with connection:
        der = connection.getpeercert(binary_form=True)
    assert der
    command = ["openssl", "x509", "-inform", "DER", "-noout", "-serial"]
    return subprocess.run(command, input=der, capture_output=True, check=True).stdout.decode().strip().partition("=")[2]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("first.example", "first"),
        ("live.example.org", "exact"),
        ("LIVE.Example.ORG", "exact"),
        ("other.example.org", "wildcard"),
        ("deep.other.example.org", "first"),
        ("example.org", "first"),
        ("unknown.test", "first"),
        (None, "first"),
        ("both.example.net", "ecdsa"),
    ],
)
def test_the_certificate_is_that_of_the_name(site: Site, name: str | None, expected: str) -> None:
    assert serial_of(connect(site.port, name)) == getattr(site.certificates, expected).serial


@pytest.mark.parametrize(("algorithms", "kind"), [("ECDSA+SHA256", "ecdsa"), ("RSA+SHA256:RSA-PSS+SHA256", "rsa")])
@pytest.mark.parametrize("version", VERSIONS)
def test_the_client_chooses_between_ecdsa_and_rsa(site: Site, version: str, algorithms: str, kind: str) -> None:
    done = s_client(site, version, "-servername", "both.example.net", "-sigalgs", algorithms)
    signature = re.search(r"Peer signature type: (\S+)", done)
    assert signature and signature.group(1) == ("ECDSA" if kind == "ecdsa" else "RSA-PSS"), done


def test_the_name_is_verified_by_a_client_that_checks(site: Site) -> None:
    context = ssl.create_default_context(cafile=str(site.certificates.authority.ca))
    with context.wrap_socket(
        socket.create_connection(("127.0.0.1", site.port), timeout=10), server_hostname="a.example.org"
    ) as connection:
        assert connection.version() == "TLSv1.3"


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("protocol", [HTTP_1, HTTP_2])
def test_requests_under_a_name_with_its_own_certificate(site: Site, protocol: str, version: str) -> None:
    resolve = ["--resolve", f"live.example.org:{site.port}:127.0.0.1"]
    versions = [f"--tlsv{version}", "--tls-max", version]
    address = f"https://live.example.org:{site.port}/any"
    answer = fetch(address, protocol, *resolve, *versions, ca=site.certificates.authority.ca)
    assert (answer.status, answer.body) == (503, b"No upstream server can be reached at the moment. Try again.\n")


def test_x25519_and_one_ticket(site: Site) -> None:
    done = s_client(site, "-tls1_3", "-servername", "first.example")
    assert "X25519" in done
    assert done.count("Post-Handshake New Session Ticket arrived") == 1, done


def test_a_protocol_that_is_not_ours_is_refused_by_an_alert(site: Site) -> None:
    context = ssl._create_unverified_context()
    context.set_alpn_protocols(["spdy/3"])
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        context.wrap_socket(socket.create_connection(("127.0.0.1", site.port), timeout=10))


def test_a_client_can_not_renegotiate(site: Site) -> None:
    done = s_client(site, "-tls1_2", "-servername", "first.example", input_text="R\n", wait=1)
    assert "RENEGOTIATING" in done and re.search(r"no renegotiation|unexpected eof|closed", done), done


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1")
@pytest.mark.parametrize(
    ("setting", "version", "works"),
    [("1.2", "TLSv1_2", True), ("1.2", "TLSv1_1", False), ("1.3", "TLSv1_2", False), ("1.3", "TLSv1_3", True)],
)
def test_versions(work_folder: Path, certificates: Certificates, setting: str, version: str, works: bool) -> None:
    port, admin = free_ports(2)
    tls = f'{{certificates: [{certificates.first.yaml()}], minimumVersion: "{setting}"}}'
    only = ssl.TLSVersion[version]
    with configured_edge(work_folder / "tls", f"version-{setting}-{version}", admin, text(port, admin, tls)):
        if works:
            connect(port, None, minimum_version=only, maximum_version=only).close()
        else:
            with pytest.raises(ssl.SSLError, match="alert protocol version"):
                connect(port, None, minimum_version=only, maximum_version=only)


def test_unknown_names_can_be_refused(work_folder: Path, certificates: Certificates) -> None:
    port, admin = free_ports(2)
    tls = f"{{certificates: [{certificates.yaml()}], rejectUnknownNames: true}}"
    with configured_edge(work_folder / "tls", "reject", admin, text(port, admin, tls)) as edge:
        connect(port, "live.example.org").close()
        for name in ("unknown.test", None):
            with pytest.raises(ssl.SSLError, match="unrecognized name"):
                connect(port, name)
        edge.wait_for("spillway_handshakes_failed_total", 2)


def test_mistakes_are_named(work_folder: Path, certificates: Certificates) -> None:
    folder = work_folder / "tls"
    (folder / "empty.pem").write_text("nothing\n")
    good, other = certificates.first, certificates.exact
    encrypted = folder / "encrypted.key"
    subprocess.run(
        ["openssl", "pkey", "-in", good.key, "-out", encrypted, "-aes128", "-passout", "pass:secret"], check=True
    )
    for certificate, key, key_name, expected in [
        (good.certificate, other.key, "key", f"{other.key}: is not the key of {good.certificate}"),
        (folder / "none.crt", good.key, "certificate", f"{folder / 'none.crt'}: can not be read: No such file"),
        (folder / "empty.pem", good.key, "certificate", f"{folder / 'empty.pem'}: holds no PEM certificate"),
        (good.certificate, encrypted, "key", f"{encrypted}: is not a PEM private key without a passphrase"),
    ]:
        entry = Certificate(certificate, key)
        conf = folder / "mistake.conf"
        conf.write_text(text(8443, 9901, f"\n  certificates:\n    - {good.yaml()}\n    - {entry.yaml()}"))
        command = [program("edge"), "--config", conf, "--check"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert done.returncode == 2, done
        column = "21" if key_name == "certificate" else "[0-9]+"
        place = rf":7:{column}: tls\.certificates\[1\]\.{key_name}: "
        assert re.search(place + re.escape(expected), done.stderr), done


def test_an_expired_certificate_is_a_warning(work_folder: Path, certificates: Certificates) -> None:
    old = certificates.authority.issue("old", "old.example", days=-1)
    port, admin = free_ports(2)
    conf = text(port, admin, f"{{certificates: [{old.yaml()}]}}")
    with configured_edge(work_folder / "tls", "old", admin, conf) as edge:
        assert serial_of(connect(port, None)) == old.serial
        assert "out of date" in edge.program.log.read_text()
        expiry = edge.metric(f'spillway_certificate_expiry_seconds{{file="{old.certificate}"}}')
        assert abs(expiry - (time.time() - 86_400)) < 60


# Tickets


def s_client(site: Site, *options: str, input_text: str = "", wait: float = 0.5) -> str:
    """What `openssl s_client` prints of a connection that it closes after `wait` seconds."""
    return openssl_client(site.port, *options, input_text=input_text, wait=wait)


def openssl_client(port: int, *options: str, input_text: str = "", wait: float = 0.5) -> str:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as client:
        assert client.stdin
        client.stdin.write(input_text)
        client.stdin.flush()
        try:
            client.wait(wait)
        except subprocess.TimeoutExpired:
            pass
        output, _ = client.communicate("Q\n" if client.poll() is None else None, timeout=10)
    return output


def resumes(port: int, version: str, session: Path, name: str = "first.example") -> bool:
    """Comes back with a kept session; keeps the one that it is given then."""
    done = openssl_client(port, version, "-servername", name, "-sess_in", str(session))
    assert "Reused, " in done or "New, " in done, done
    return "Reused, " in done


def first_session(port: int, version: str, session: Path, name: str = "first.example") -> None:
    done = openssl_client(port, version, "-servername", name, "-sess_out", str(session))
    assert "New, " in done and session.exists(), done


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_resumed_and_counted(site: Site, tmp_path: Path, version: str) -> None:
    full = site.edge.metric("spillway_handshakes_full_total")
    resumed = site.edge.metric("spillway_handshakes_resumed_total")
    first_session(site.port, version, tmp_path / "session")
    for _ in range(4):  # on any of the workers
        assert resumes(site.port, version, tmp_path / "session")
    site.edge.wait_for("spillway_handshakes_full_total", full + 1)
    site.edge.wait_for("spillway_handshakes_resumed_total", resumed + 4)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_of_a_name_with_its_own_certificate_is_resumed(site: Site, tmp_path: Path, version: str) -> None:
    first_session(site.port, version, tmp_path / "session", "live.example.org")
    assert resumes(site.port, version, tmp_path / "session", "live.example.org")


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_outlive_a_reload(work_folder: Path, certificates: Certificates, tmp_path: Path, version: str) -> None:
    """The random keys of the process stay; those of a file take their place when one is named, and leave with it."""
    port, admin = free_ports(2)
    random_keys = text(port, admin, f"{{certificates: [{certificates.first.yaml()}]}}")
    with configured_edge(work_folder / "tls", f"reload{version}", admin, random_keys) as edge:
        first_session(port, version, tmp_path / "session")
        other = text(port, admin, f"{{certificates: [{certificates.exact.yaml()}]}}")
        edge.reload(other)
        assert resumes(port, version, tmp_path / "session")
        keys = tmp_path / "tickets.keys"
        keys.write_text(secrets.token_hex(80))
        tickets = f'tickets: {{keysFile: "{keys}"}}'
        edge.reload(text(port, admin, f"{{certificates: [{certificates.first.yaml()}], {tickets}}}"))
        assert not resumes(port, version, tmp_path / "session")


@pytest.mark.parametrize("version", VERSIONS)
def test_tickets_can_be_off(work_folder: Path, certificates: Certificates, tmp_path: Path, version: str) -> None:
    port, admin = free_ports(2)
    tls = f"{{certificates: [{certificates.first.yaml()}], tickets: {{enabled: false}}}}"
    with configured_edge(work_folder / "tls", f"no-tickets{version}", admin, text(port, admin, tls)):
        done = openssl_client(port, version, "-sess_out", str(tmp_path / "session"))
        assert "New, " in done and "TLS session ticket:" not in done
        if (tmp_path / "session").exists():
            assert not resumes(port, version, tmp_path / "session")


@pytest.mark.parametrize("version", VERSIONS)
def test_nodes_share_keys_and_outlive_a_rotation(
    work_folder: Path, certificates: Certificates, tmp_path: Path, version: str
) -> None:
    keys = tmp_path / "tickets.keys"
    one, two, three = (secrets.token_hex(80) for _ in range(3))
    keys.write_text(f"{one}\n")
    ports = free_ports(4)
    tls = f'{{certificates: [{certificates.first.yaml()}], tickets: {{keysFile: "{keys}"}}}}'
    folder, session = work_folder / "tls", tmp_path / "session"
    with (
        configured_edge(folder, f"a{version}", ports[1], text(ports[0], ports[1], tls)) as left,
        configured_edge(folder, f"b{version}", ports[3], text(ports[2], ports[3], tls)) as right,
    ):
        first_session(ports[0], version, session)
        assert resumes(ports[2], version, session), "the other node does not know the key"
        keys.write_text(f"# rotated\n{two}\n{one}\n")
        right.reload()
        assert resumes(ports[2], version, session), "the older key is not held any more"
        keys.write_text(f"{three}\n{two}\n")
        right.reload()
        assert not resumes(ports[2], version, session), "a removed key still decrypts"
        assert resumes(ports[0], version, session), "the first node has read the file without being told"
        keys.write_text("not a key\n")
        assert "tickets.keys:1:1: is not a ticket key" in left.reload_badly()
        assert resumes(ports[0], version, session), "a refused reload has changed the keys"


def test_the_file_of_keys_is_read_again_when_it_changes(
    work_folder: Path, certificates: Certificates, tmp_path: Path
) -> None:
    keys = tmp_path / "tickets.keys"
    keys.write_bytes(secrets.token_bytes(48))  # nginx's form, AES-128
    port, admin = free_ports(2)
    tls = f'{{certificates: [{certificates.first.yaml()}], tickets: {{keysFile: "{keys}"}}}}'
    with configured_edge(work_folder / "tls", "watched-keys", admin, text(port, admin, tls)) as edge:
        first_session(port, "-tls1_3", tmp_path / "session")
        assert resumes(port, "-tls1_3", tmp_path / "session")
        keys.write_bytes(secrets.token_bytes(80))
        for _ in range(60):
            if "read again" in edge.program.log.read_text():
                break
            subprocess.run(["sleep", "0.25"], check=True)
        assert not resumes(port, "-tls1_3", tmp_path / "session")
