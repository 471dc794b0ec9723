# SPDX-License-Identifier: Apache-2.0
"""SIGHUP: what the files say now counts from now on, no connection is closed, and a mistake leaves all as it was."""

import json
import secrets
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from body_origin import BodyOrigin, body
from certificates import Authority, Certificate
from configured_edge import ConfiguredEdge, configured_edge
from curl import HTTP_1, HTTP_2, Answer, fetch
from frames import Client
from stack.ports import free_ports
from viewer import sign

SIZE = 6 << 20


@dataclass
class Site:
    """An edge and the parts of its configuration; `text` puts them together."""

    folder: Path
    authority: Authority
    certificate: Certificate
    ports: list[int]
    admin: int
    upstream: list[int]
    token_key: str
    more: str = ""
    workers: int = 2
    role: str = "edge"
    listeners: list[str] = field(default_factory=list)

    @property
    def port(self) -> int:
        return self.ports[0]

    def text(self) -> str:
        (self.folder / "token.keys").write_text(f"{self.token_key}\n")
        listeners = self.listeners or [f"{{endpoint: 127.0.0.1:{self.port}, tls: true}}"]
        servers = ", ".join(f"127.0.0.1:{port}" for port in self.upstream)
        return f"""\
role: {self.role}
workers: {self.workers}
listen: [{", ".join(listeners)}]
admin: {{listen: 127.0.0.1:{self.admin}}}
tls: {{certificates: [{self.certificate.yaml()}]}}
token: {{required: true, keysFile: "{self.folder / "token.keys"}"}}
upstream: {{servers: [{servers}]}}
{self.more}
"""

    def path(self, path: str, key: str | None = None) -> str:
        return f"/hdnts={sign(key or self.token_key, '/*')}{path}"

    def get(self, path: str, *options: str, port: int | None = None) -> Answer:
        address = f"https://127.0.0.1:{port or self.port}{self.path(path)}"
        return fetch(address, *options, ca=self.authority.ca)


@pytest.fixture(scope="module")
def origin() -> Iterator[BodyOrigin]:
    served = BodyOrigin()
    yield served
    served.close()


@pytest.fixture(scope="module")
def authority(work_folder: Path) -> Authority:
    return Authority(work_folder / "reload" / "keys")


@pytest.fixture
def site(work_folder: Path, origin: BodyOrigin, authority: Authority, request: pytest.FixtureRequest) -> Site:
    folder = work_folder / "reload" / request.node.name
    folder.mkdir(parents=True)
    certificate = authority.issue(request.node.name, "127.0.0.1")
    *ports, admin = free_ports(4)
    return Site(folder, authority, certificate, ports, admin, [origin.port], secrets.token_hex(32))


@pytest.fixture
def edge(site: Site) -> Iterator[ConfiguredEdge]:
    with configured_edge(site.folder, "reload", site.admin, site.text()) as running:
        yield running


def served_certificate(site: Site) -> bytes:
    context = ssl.create_default_context(cafile=str(site.authority.ca))
    with context.wrap_socket(
        socket.create_connection(("127.0.0.1", site.port), timeout=10), server_hostname="127.0.0.1"
    ) as connection:
        der = connection.getpeercert(binary_form=True)
    assert der
    return der


def pem(certificate: Certificate) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.certificate.read_text())


def connected(edge: ConfiguredEdge) -> int:
    return edge.metric("spillway_connections_open")


class SlowDownload(threading.Thread):
    """An HTTP/1.1 download of `SIZE` bytes that takes about two seconds."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.received = b""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        raw.settimeout(20)
        raw.connect(("127.0.0.1", site.port))
        context = ssl.create_default_context(cafile=str(site.authority.ca))
        self._socket = context.wrap_socket(raw, server_hostname="127.0.0.1")
        path = site.path(f"/size/{SIZE}/{secrets.token_hex(4)}")
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n".encode())
        self.start()

    def run(self) -> None:
        with self._socket:
            while piece := self._socket.recv(65_536):
                self.received += piece
                time.sleep(0.02)


def test_connections_outlive_a_reload_and_new_ones_get_the_new_certificate(site: Site, edge: ConfiguredEdge) -> None:
    before = pem(site.certificate)
    assert served_certificate(site) == before
    download = SlowDownload(site)
    with Client(site.port, site.authority.ca) as idle:
        assert idle.fetch(site.path("/size/1000"), 1) == (200, body(1000))
        renewed = site.authority.issue("renewed", "127.0.0.1")
        shutil.copy(renewed.certificate, site.certificate.certificate)
        shutil.copy(renewed.key, site.certificate.key)
        assert served_certificate(site) == before, "the files are read without SIGHUP"
        edge.reload()
        assert download.is_alive(), "the download was over before the reload: it proves nothing"
        for _ in range(8):  # any worker
            assert served_certificate(site) == pem(renewed)
        assert idle.fetch(site.path("/size/1000"), 3) == (200, body(1000))
    download.join(20)
    assert download.received.partition(b"\r\n\r\n")[2] == body(SIZE)
    assert edge.metric("spillway_reloads_failed_total") == 0


def test_a_bad_file_leaves_all_as_it_was(site: Site, edge: ConfiguredEdge) -> None:
    good = site.text()
    before = served_certificate(site)
    reason = edge.reload_badly(good + "cache: {objectByte: 3}\n")
    assert f"{edge.conf}:9:9: cache.objectByte: is not a known key" in reason
    reason = edge.reload_badly("role: [\n")
    assert "is not YAML" in reason
    site.certificate.key.rename(site.folder / "kept.key")
    reason = edge.reload_badly(good.replace("workers: 2", "workers: 2\nname: other"))
    assert f"{edge.conf}:6:" in reason and "can not be read: No such file" in reason
    (site.folder / "kept.key").rename(site.certificate.key)
    (site.folder / "token.keys").write_text("beef\n")
    edge.conf.write_text(good)
    assert f"{site.folder / 'token.keys'}:1:1: is not a secret" in edge.reload_badly()
    answer = site.get("/size/10")
    assert (answer.status, answer.body) == (200, body(10))
    assert answer.headers["cache-status"].startswith("edge;"), "a part of a refused file counts"
    assert served_certificate(site) == before
    assert edge.metric("spillway_reloads_total") == 0
    (site.folder / "token.keys").write_text(f"{site.token_key}\n")
    edge.reload(good)


def test_a_removed_token_key_opens_nothing_on_an_old_connection(site: Site, edge: ConfiguredEdge) -> None:
    old = site.token_key
    with Client(site.port, site.authority.ca) as client:
        path = site.path("/size/100", old)
        assert client.fetch(path, 1)[0] == 200
        site.token_key = secrets.token_hex(32)
        text = site.text()
        (site.folder / "token.keys").write_text(f"{site.token_key}\n{old}\n")
        edge.reload(text)
        assert client.fetch(path, 3)[0] == 200, "the older key still counts"
        (site.folder / "token.keys").write_text(f"{site.token_key}\n")
        edge.reload(text)
        assert client.fetch(path, 5)[0] == 403, "what the connection remembered outlives the key"
        assert client.fetch(site.path("/size/100"), 7)[0] == 200
        edge.reload(text.replace("required: true", "required: false"))
        assert client.fetch("/size/100", 9)[0] == 200
        edge.reload(text)
        assert client.fetch("/size/100", 11)[0] == 403


def test_other_upstream_servers(site: Site, edge: ConfiguredEdge, origin: BodyOrigin) -> None:
    other = BodyOrigin()
    filling = threading.Thread(target=lambda: results.append(site.get("/slow/5000/begun")))
    results: list[Answer] = []
    filling.start()
    while origin.asked["/slow/5000/begun"] == 0:
        time.sleep(0.01)
    site.upstream = [other.port]
    edge.reload(site.text())
    assert site.get("/size/20/after").body == body(20)
    assert (other.asked["/size/20/after"], origin.asked["/size/20/after"]) == (1, 0)
    filling.join()
    assert results[0].body == body(5000), "a fill that had begun is finished"
    other.close()


def test_listeners_come_and_go(site: Site, edge: ConfiguredEdge) -> None:
    def listener(index: int, tls: str = "true") -> str:
        return f"{{endpoint: 127.0.0.1:{site.ports[index]}, tls: {tls}}}"

    with Client(site.port, site.authority.ca) as old:
        assert old.fetch(site.path("/size/10"), 1)[0] == 200
        site.listeners = [listener(1), listener(2, "false")]
        edge.reload(site.text())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", site.port), timeout=5)
        assert old.fetch(site.path("/size/10"), 3) == (200, body(10)), "a connection of a removed listener was closed"
        for _ in range(6):
            assert site.get("/size/10", port=site.ports[1]).status == 200
        plain = f"http://127.0.0.1:{site.ports[2]}{site.path('/size/10')}"
        assert fetch(plain).status == 200
        site.listeners = [listener(0), listener(2, "true")]
        edge.reload(site.text())
        assert site.get("/size/10").status == 200
        assert site.get("/size/10", port=site.ports[2]).status == 200, "a listener did not turn to TLS"
        assert old.fetch(site.path("/size/10"), 5)[0] == 200


def test_an_address_that_is_taken_changes_nothing(site: Site, edge: ConfiguredEdge) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        site.listeners = [f"{{endpoint: 127.0.0.1:{site.ports[1]}, tls: true}}", f"{{endpoint: 127.0.0.1:{number}}}"]
        reason = edge.reload_badly(site.text())
    assert f"listen[1].endpoint: listen on 127.0.0.1:{number}: Address already in use" in reason
    site.listeners = []
    assert site.get("/size/10").status == 200
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", site.ports[1]), timeout=5)


def test_name_cors_limits_and_timeouts(site: Site, edge: ConfiguredEdge) -> None:
    assert site.get("/size/10", HTTP_2).headers["cache-status"] == "edge; fwd=uri-miss; stored"
    site.more = """\
name: renamed
log: {level: warning}
cors: {allowOrigins: ["https://player.example"]}
limits: {targetBytes: 256, headerBytes: 64KiB, connectionsPerAddress: 2}
"""
    with Client(site.port, site.authority.ca) as old:
        edge.reload(site.text())
        answer = site.get("/size/10", HTTP_1, "-H", "origin: https://player.example")
        assert answer.headers["cache-status"] == "renamed; hit", "the cache does not outlive a reload"
        assert answer.headers["access-control-allow-origin"] == "https://player.example"
        answer = site.get("/size/11", HTTP_1, "-H", "origin: https://other.example")
        assert answer.headers["cache-status"] == "renamed; fwd=uri-miss; stored"
        assert "access-control-allow-origin" not in answer.headers
        large = "x-large: " + "a" * 30_000
        assert site.get("/size/11", HTTP_1, "-H", large).status == 200, "headerBytes is still 16KiB"
        assert site.get("/size/11", HTTP_2, "-H", large).status == 200, "headerBytes is still 16KiB"
        assert site.get("/size/11/" + "a" * 200, HTTP_1).status == 414
        assert old.fetch(site.path("/size/11"), 1)[0] == 200
        assert '"message":"Reloaded"' not in edge.program.log.read_text(), "log.level is still info"
        kept = [Client(site.port, site.authority.ca) for _ in range(2)]
        with pytest.raises((ssl.SSLError, OSError)):
            Client(site.port, site.authority.ca)
        site.more = ""
        edge.reload(site.text())
        kept += [Client(site.port, site.authority.ca) for _ in range(3)]
        for client in kept:
            client.close()


def test_the_access_log_is_opened_again(site: Site, edge: ConfiguredEdge) -> None:
    log = site.folder / "access.jsonl"
    site.more = f'accessLog: {{file: "{log}"}}\n'
    edge.reload(site.text())
    site.get("/size/1")
    wait_for_lines(log, 1)
    log.rename(site.folder / "access.jsonl.1")
    site.get("/size/2")
    wait_for_lines(site.folder / "access.jsonl.1", 2)
    edge.reload()
    site.get("/size/3")
    assert [line["path"] for line in wait_for_lines(log, 1)] == ["/size/3"]
    site.more = f'accessLog: {{file: "{site.folder / "none" / "access.jsonl"}"}}\n'
    assert "accessLog.file: open" in edge.reload_badly(site.text())
    site.get("/size/4")
    wait_for_lines(log, 2)


def wait_for_lines(log: Path, count: int) -> list[dict[str, object]]:
    deadline = time.monotonic() + 5
    while len(lines := log.read_text().splitlines() if log.exists() else []) < count:
        assert time.monotonic() < deadline, f"{log} has {len(lines)} lines"
        time.sleep(0.05)
    assert len(lines) == count
    return [json.loads(line) for line in lines]


def test_what_needs_a_restart_is_said(site: Site, edge: ConfiguredEdge) -> None:
    threads = len(list(Path(f"/proc/{edge.program.pid}/task").iterdir()))
    site.workers, site.more = 1, "name: renamed\ncache: {memoryBytes: 64MiB, policy: lru}\n"
    edge.reload(site.text())
    log = edge.program.log.read_text()
    for key in ("workers", "cache.memoryBytes", "cache.policy"):
        assert f'"message":"Needs a restart","key":"{key}"' in log
    assert len(list(Path(f"/proc/{edge.program.pid}/task").iterdir())) == threads
    assert site.get("/size/10").headers["cache-status"].startswith("renamed;"), "the rest is to be applied"
    site.role = "shield"
    assert "role: is `shield` and was `edge`; it needs a restart" in edge.reload_badly(site.text())


def test_the_administration_moves(site: Site, edge: ConfiguredEdge) -> None:
    site.admin = site.ports[1]
    edge.conf.write_text(site.text())
    edge.hang_up()
    edge.admin_port = site.admin
    deadline = time.monotonic() + 5
    while True:
        try:
            edge.wait_for("spillway_reloads_total", 1)
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_many_reloads_under_load_leak_no_descriptor(site: Site, edge: ConfiguredEdge) -> None:
    def descriptors() -> int:
        return len(list(Path(f"/proc/{edge.program.pid}/fd").iterdir()))

    site.get("/size/1000")
    edge.reload()
    time.sleep(0.2)
    before = descriptors()
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(40):
                assert site.get("/size/1000", HTTP_2).body == body(1000)
        except BaseException as error:  # it is raised again below
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for round_number in range(30):
        site.listeners = [f"{{endpoint: 127.0.0.1:{site.port}, tls: true}}"]
        if round_number % 2:
            site.listeners.append(f"{{endpoint: 127.0.0.1:{site.ports[1]}, tls: false}}")
        edge.reload(site.text())
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    site.listeners = []
    edge.reload(site.text())
    deadline = time.monotonic() + 5
    while (now := descriptors()) > before + 2:
        assert time.monotonic() < deadline, f"{before} descriptors have become {now}"
        time.sleep(0.1)
