# SPDX-License-Identifier: Apache-2.0
"""A bad token is refused in each of its carriers, before anything is asked of the origin."""

import http.client
import ssl
import time
from collections.abc import Iterator

import pytest
from conftest import Sample
from curl import HTTP_1, HTTP_2, Answer, fetch
from evidence import delivered
from stack.ports import free_ports
from stack.stack import Stack
from viewer import Viewer, sign

CARRIERS = ["path", "query", "cookie"]


@pytest.fixture(scope="module")
def cold_edge(stack: Stack) -> Iterator[int]:
    """The port of an edge that has cached nothing, straight before the origin: a fetch upstream would be logged."""
    port, admin = free_ports(2)
    edge = stack.start_edge("token-edge", port, admin, stack.ports.delivery)
    yield port
    edge.stop()
    stack.forget(edge)


def ask(stack: Stack, port: int, path: str, token: str, carrier: str, version: str = HTTP_2) -> Answer:
    base = f"https://127.0.0.1:{port}"
    address, *options = {
        "path": [f"{base}/hdnts={token}{path}"],
        "query": [f"{base}{path}?hdnts={token}"],
        "cookie": [f"{base}{path}", "--cookie", f"hdnts={token}"],
    }[carrier]
    return fetch(address, version, *options, ca=stack.keys.ca)


def one_digit_changed(token: str) -> str:
    """The token with the last digit of its HMAC changed."""
    return token[:-1] + ("1" if token[-1] == "0" else "0")


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("fault", ["expired", "another video's", "a digit changed", "another key's", "absent"])
def test_a_bad_token_is_403(
    stack: Stack, sample: Sample, cold_edge: int, carrier: str, fault: str, version: str
) -> None:
    key, acl = stack.keys.token_key, f"/v/{sample.id}/*"
    # A name of this test's own, so that its absence from the origin's log is known to be due to the token.
    path = f"/v/{sample.id}/{carrier}/{fault.replace(' ', '-')}{version}.m4s"
    if fault == "absent":
        answer = fetch(f"https://127.0.0.1:{cold_edge}{path}", version, ca=stack.keys.ca)
    else:
        token = {
            "expired": sign(key, acl, seconds=-5),
            "another video's": sign(key, "/v/another/*"),
            "a digit changed": one_digit_changed(sign(key, acl)),
            "another key's": sign("00" * 32, acl),
        }[fault]
        answer = ask(stack, cold_edge, path, token, carrier, version)
    assert answer.status == 403, answer
    assert not delivered(stack, path)


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_good_token_is_200(stack: Stack, sample: Sample, cold_edge: int, carrier: str, version: str) -> None:
    path = f"/v/{sample.id}/master.m3u8"
    answer = ask(stack, cold_edge, path, sign(stack.keys.token_key, f"/v/{sample.id}/*"), carrier, version)
    assert answer.status == 200
    assert answer.body.startswith(b"#EXTM3U")
    assert delivered(stack, path), "the log that the refusals are checked against must show real fetches"


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_bad_token_is_403_for_what_is_cached(
    stack: Stack, sample: Sample, cold_edge: int, carrier: str
) -> None:
    path = f"/v/{sample.id}/master.m3u8"
    token = sign(stack.keys.token_key, f"/v/{sample.id}/*")
    assert ask(stack, cold_edge, path, token, carrier).status == 200
    assert ask(stack, cold_edge, path, one_digit_changed(token), carrier).status == 403
    assert fetch(f"https://127.0.0.1:{cold_edge}{path}", ca=stack.keys.ca).status == 403


def test_a_token_that_expires_on_a_kept_connection_is_refused(stack: Stack, sample: Sample, cold_edge: int) -> None:
    """A connection remembers what it verified, but not beyond the token's end."""
    token = sign(stack.keys.token_key, f"/v/{sample.id}/*", seconds=3)
    trust = ssl.create_default_context(cafile=stack.keys.ca)
    connection = http.client.HTTPSConnection("127.0.0.1", cold_edge, context=trust, timeout=10)
    statuses = []
    for _ in range(2):
        connection.request("GET", f"/hdnts={token}/v/{sample.id}/master.m3u8")
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
        time.sleep(4 - time.time() % 1)
    connection.close()
    assert statuses == [200, 403]


def test_the_origins_token_opens_only_its_video(stack: Stack, sample: Sample) -> None:
    manifest = stack.client.playback(sample.id)["manifestUrl"]
    assert fetch(manifest, ca=stack.keys.ca).status == 200
    other = manifest.replace(f"/v/{sample.id}/", "/v/another/")
    assert fetch(other, ca=stack.keys.ca).status == 403


def test_the_log_does_not_show_the_token(stack: Stack, sample: Sample) -> None:
    viewer = Viewer(stack, sample.id, stack.ports.edge_1)
    address = viewer.at_edge("master.m3u8")
    assert fetch(address, ca=stack.keys.ca).status == 200
    secret = address.split("hmac=")[1].split("/")[0]
    for log in stack.log_folder.iterdir():
        assert secret not in log.read_text(errors="replace"), log
