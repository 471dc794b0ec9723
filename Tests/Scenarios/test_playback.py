# SPDX-License-Identifier: Apache-2.0
"""Playback through an edge: what ffprobe sees, and that every byte and header is as it should be."""

import pytest
from conftest import Sample
from curl import HTTP_1, HTTP_2, Answer, fetch
from evidence import raw_upload_is_gone
from stack.media import probe_manifest
from stack.playlist import resolutions
from stack.stack import Stack
from viewer import Viewer

SECONDS_TOLERANCE = 0.25
RUNG_HEIGHTS = [240, 360, 480, 720, 1080]
"""The ladder's heights; a 16:9 rung of 240p is 234 lines high."""


@pytest.fixture(params=["sample", "film"])
def video(request: pytest.FixtureRequest) -> Sample:
    """The generated clip, and the film where it is at hand."""
    return request.getfixturevalue(request.param)


@pytest.fixture
def viewer(stack: Stack, sample: Sample) -> Viewer:
    return Viewer(stack, sample.id, stack.ports.edge_1)


def test_ffprobe_sees_every_rung_whole(stack: Stack, video: Sample) -> None:
    manifest = stack.client.playback(video.id)["manifestUrl"]
    seen = probe_manifest(manifest, stack.keys.ca)
    source = {stream.kind: stream for stream in video.source}
    pictures = sorted((s.width, s.height) for s in seen if s.kind == "video")
    master = Viewer(stack, video.id, stack.ports.edge_1).from_origin("master.m3u8").decode()
    assert pictures == sorted(resolutions(master))
    heights = [234 if height == 240 else height for height in RUNG_HEIGHTS if height <= source["video"].height]
    assert [height for _, height in pictures] == heights
    aspect = source["video"].width / source["video"].height
    assert all(abs(width / height - aspect) < 0.02 for width, height in pictures), pictures
    assert {stream.kind for stream in seen} == {"video", "audio"}
    for stream in seen:
        assert abs(stream.seconds - source[stream.kind].seconds) <= SECONDS_TOLERANCE, stream


def test_every_file_is_the_origins_cold_and_warm_over_both_versions(stack: Stack, video: Sample) -> None:
    """Cold at edge 1 over HTTP/2 and at edge 2 over HTTP/1.1, then warm the other way round."""
    rounds = [
        ("cold", stack.ports.edge_1, HTTP_2, "HTTP/2"),
        ("cold", stack.ports.edge_2, HTTP_1, "HTTP/1.1"),
        ("warm", stack.ports.edge_1, HTTP_1, "HTTP/1.1"),
        ("warm", stack.ports.edge_2, HTTP_2, "HTTP/2"),
    ]
    files = Viewer(stack, video.id, stack.ports.edge_1).files
    assert len([path for path in files if path.endswith(".m4s")]) >= 9
    for state, port, option, version in rounds:
        viewer = Viewer(stack, video.id, port)
        for path in files:
            answer = fetch(viewer.at_edge(path), option, ca=viewer.ca)
            assert (answer.status, answer.version) == (200, version), path
            assert answer.body == viewer.from_origin(path), f"{path} differs, {state}, {version}"
            if state == "warm":
                assert "; hit" in answer.headers["cache-status"], answer.headers


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("0-0", 0, 0), ("100-299", 100, 299), ("1000-", 1000, None), ("-100", -100, None), ("500-999999999", 500, None)],
)
def test_a_range_is_that_part(viewer: Viewer, version: str, wanted: str, first: int, last: int | None) -> None:
    path = viewer.first_segment()
    whole = viewer.from_origin(path)
    part = whole[first:] if last is None else whole[first : last + 1]
    start = first if first >= 0 else len(whole) + first
    answer = fetch(viewer.at_edge(path), version, "-H", f"Range: bytes={wanted}", ca=viewer.ca)
    assert answer.status == 206
    assert answer.body == part
    assert answer.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{len(whole)}"


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
def test_a_range_past_the_end_is_not_satisfiable(viewer: Viewer, version: str) -> None:
    path = viewer.first_segment()
    size = len(viewer.from_origin(path))
    answer = fetch(viewer.at_edge(path), version, "-H", f"Range: bytes={size}-", ca=viewer.ca)
    assert answer.status == 416
    assert answer.headers["content-range"] == f"bytes */{size}"


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
def test_a_matching_etag_is_not_modified(viewer: Viewer, version: str) -> None:
    address = viewer.at_edge(viewer.first_segment())
    etag = fetch(address, ca=viewer.ca).headers["etag"]
    for tag in (etag, f'"other", {etag}', "*"):
        answer = fetch(address, version, "-H", f"If-None-Match: {tag}", ca=viewer.ca)
        assert (answer.status, answer.body) == (304, b""), tag
        assert answer.headers["etag"] == etag
    assert fetch(address, version, "-H", 'If-None-Match: "other"', ca=viewer.ca).status == 200


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
def test_head_is_get_without_the_body(viewer: Viewer, version: str) -> None:
    address = viewer.at_edge(viewer.first_segment())
    got = fetch(address, version, ca=viewer.ca)
    head = fetch(address, version, "--head", ca=viewer.ca)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-length", "content-type", "etag", "cache-control", "accept-ranges"):
        assert head.headers[name] == got.headers[name]
    assert head.headers["content-length"] == str(len(got.body))


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
def test_a_player_on_another_site_may_read(viewer: Viewer, version: str) -> None:
    origin = ["-H", "Origin: https://player.example"]
    path = viewer.first_segment()
    assert fetch(viewer.at_edge(path), version, *origin, ca=viewer.ca).headers["access-control-allow-origin"] == "*"
    asks = ["-X", "OPTIONS", "-H", "Access-Control-Request-Method: GET", "-H", "Access-Control-Request-Headers: range"]
    preflight = fetch(viewer.at_edge(path), version, *origin, *asks, ca=viewer.ca)
    assert preflight.status in (200, 204)
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "GET" in preflight.headers["access-control-allow-methods"]
    assert "range" in preflight.headers["access-control-allow-headers"].lower()


def test_content_types_and_lifetimes(viewer: Viewer) -> None:
    for path in viewer.files:
        answer: Answer = fetch(viewer.at_edge(path), "--head", ca=viewer.ca)
        if path.endswith(".m3u8"):
            expected = ("application/vnd.apple.mpegurl", "public, max-age=3600")
        else:
            kind = "audio/mp4" if path.startswith("audio/") else "video/mp4"
            expected = (kind, "public, max-age=31536000, immutable")
        assert (answer.headers["content-type"], answer.headers["cache-control"]) == expected, path


def test_what_is_not_there_is_404(viewer: Viewer) -> None:
    for version in (HTTP_1, HTTP_2):
        assert fetch(viewer.at_edge("480p/99999.m4s"), version, ca=viewer.ca).status == 404


def test_the_poster_is_a_picture(stack: Stack, viewer: Viewer) -> None:
    answer = fetch(viewer.at_edge("poster.jpg"), ca=viewer.ca)
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    assert answer.body.startswith(b"\xff\xd8\xff")
    listed = fetch(f"{stack.client.base}/v1/videos/{viewer.video}/poster.jpg")
    assert listed.body == answer.body


def test_the_raw_upload_is_gone_after_success(stack: Stack, sample: Sample) -> None:
    assert raw_upload_is_gone(stack, sample.id)
