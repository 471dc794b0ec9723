# SPDX-License-Identifier: Apache-2.0
"""`transcode check` on servers: ours, one that does all right, and ones that each do one thing wrong."""

import gzip
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from certificates import Authority
from checked import check, make_presentation
from conftest import Sample
from stack.stack import Stack

DELIVERY_RULES = {"Apple 10.1", "Apple 10.4", "Apple 8.18", "Apple 11"}
TYPES = {".m3u8": "application/vnd.apple.mpegurl", ".mp4": "video/mp4", ".m4s": "video/iso.segment"}


@dataclass(frozen=True)
class Manners:
    """How a server behaves; the defaults are right."""

    gzips: bool = True
    types: bool = True
    redirects: bool = False
    endless: bool = False
    missing: str = ""
    # Sends all of a resource when a range is asked for.
    ignores_ranges: bool = False


class FolderServer:
    """Serves a folder on a free port of 127.0.0.1."""

    def __init__(self, folder: Path, manners: Manners, certificate: tuple[Path, Path] | None = None) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler(folder, manners))
        self._server.daemon_threads = True
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            scheme = "https"
        self.address = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/v/master.m3u8?token=secret"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def handler(folder: Path, manners: Manners) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if manners.redirects and path.startswith("/v/"):
                self.answer(302, {"Location": path.replace("/v/", "/w/")}, b"")
                return
            file = folder / path.removeprefix("/v/").removeprefix("/w/")
            if manners.endless:
                self.send_endless()
            elif not file.is_file() or file.name == manners.missing:
                self.answer(404, {}, b"not here")
            else:
                self.send_file(file)

        def send_file(self, file: Path) -> None:
            body, status = file.read_bytes(), 200
            fields = {"Content-Type": TYPES.get(file.suffix, "x/y")} if manners.types else {}
            if (wanted := self.headers.get("Range")) and not manners.ignores_ranges:
                first, _, last = wanted.removeprefix("bytes=").partition("-")
                body, status = body[int(first) : int(last) + 1], 206
            if manners.gzips and "gzip" in self.headers.get("Accept-Encoding", ""):
                body = gzip.compress(body)
                fields["Content-Encoding"] = "gzip"
            self.answer(status, fields, body)

        def send_endless(self) -> None:
            self.answer(200, {"Content-Length": str(1 << 40)}, b"#EXTM3U\n")
            try:
                while True:
                    self.wfile.write(b"#" * 65536)
            except OSError:
                self.close_connection = True

        def answer(self, status: int, fields: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **fields}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    return Handler


@pytest.fixture(scope="module")
def presentation(clip: Path, work_folder: Path) -> Path:
    return make_presentation(clip, work_folder / "checked")


@pytest.fixture(scope="module")
def authority(work_folder: Path) -> Authority:
    return Authority(work_folder / "check-authority")


@pytest.fixture
def serve(presentation: Path) -> Iterator:
    servers: list[FolderServer] = []

    def start(manners: Manners, certificate: tuple[Path, Path] | None = None) -> str:
        servers.append(FolderServer(presentation, manners, certificate))
        return servers[-1].address

    yield start
    for server in servers:
        server.close()


def test_a_good_server_by_tls_adds_no_finding(serve, presentation: Path, authority: Authority) -> None:
    """The same is said of the files and of the server that gives them; the token is not shown."""
    made = authority.issue("check", "127.0.0.1")
    address = serve(Manners(), (made.certificate, made.key))
    local, remote = check(presentation), check(address, authority.ca)
    assert remote.findings == local.findings and remote.renditions == local.renditions
    assert remote.status == local.status and len(remote.renditions) >= 3
    assert "secret" not in str(remote)
    untrusted = check(address)
    assert untrusted.status == 2 and "certificate" in untrusted.errors.lower(), untrusted


@pytest.mark.parametrize(
    ("manners", "rule", "severity"),
    [
        (Manners(gzips=False), "Apple 10.1", "must"),
        (Manners(types=False), "Apple 10.4", "should"),
        (Manners(redirects=True), "Apple 8.18", "must"),
        (Manners(), "Apple 11", "should"),
    ],
)
def test_each_bad_habit_is_named(serve, presentation: Path, manners: Manners, rule: str, severity: str) -> None:
    remote = check(serve(manners))
    # Without TLS one rule more is broken than the one that is looked for.
    assert remote.rules() & DELIVERY_RULES == {rule, "Apple 11"}
    assert {found["severity"] for found in remote.of(rule)} == {severity}
    assert remote.rules() - DELIVERY_RULES == check(presentation).rules()


def test_a_missing_segment_is_named(serve) -> None:
    remote = check(serve(Manners(missing="1.m4s")))
    assert remote.status == 1
    # Ranges of it are key frames too, more than one rule may have findings.
    places = {found["place"]: found["sentence"] for found in remote.of("RFC 8216 6.2.1") if found["place"] != "…"}
    assert "audio/1.m4s" in places and all("404" in sentence for sentence in places.values()), places


def test_an_endless_playlist_ends(serve) -> None:
    remote = check(serve(Manners(endless=True)))
    assert remote.status == 2 and "more than" in remote.errors


def test_ranges_are_asked_for_and_cut(serve, presentation: Path) -> None:
    """A playlist whose segments are ranges of one file, from servers that know ranges and that do not."""
    lines = (presentation / "240p" / "index.m3u8").read_text().splitlines()
    names = [line for line in lines if line.endswith(".m4s")]
    bodies = [(presentation / "240p" / name).read_bytes() for name in names]
    (presentation / "240p" / "all.m4s").write_bytes(b"".join(bodies))
    for name, body in zip(names, bodies, strict=True):
        at = sum(len(other) for other in bodies[: names.index(name)])
        lines[lines.index(name)] = f"#EXT-X-BYTERANGE:{len(body)}@{at}\nall.m4s"
    (presentation / "240p" / "ranges.m3u8").write_text("\n".join(lines) + "\n")
    for manners in [Manners(), Manners(ignores_ranges=True)]:
        address = serve(manners).replace("master.m3u8", "240p/ranges.m3u8")
        remote = check(address)
        local = check(presentation / "240p" / "index.m3u8")
        assert remote.status == 0 and remote.rules() == local.rules() | {"Apple 11"}, remote.findings
        assert remote.renditions[0]["measuredBandwidth"] == local.renditions[0]["measuredBandwidth"]


def test_an_edge_does_what_the_rules_ask(stack: Stack, film: Sample) -> None:
    """Signed addresses, TLS, gzip, types and no redirects: an edge in front of our origin."""
    manifest = stack.client.playback(film.id)["manifestUrl"]
    # Also of what the edge is only just fetching.
    cold = check(manifest, stack.keys.ca)
    assert cold.rules() & DELIVERY_RULES == set(), cold.findings
    report = check(manifest, stack.keys.ca)
    assert report.status == 0, report.findings or report.errors
    assert report.rules() & DELIVERY_RULES == set(), [report.of(rule) for rule in DELIVERY_RULES]
    assert {row["kind"] for row in report.renditions} >= {"video", "audio"}
    assert all(row["measuredBandwidth"] for row in report.renditions)
