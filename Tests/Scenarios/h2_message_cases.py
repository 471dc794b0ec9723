# SPDX-License-Identifier: Apache-2.0
"""The cases of RFC 9113 section 8 and of HPACK (RFC 7541): requests that are malformed, odd or fine."""

from h2_cases import MALFORMED, OK, Case, Connection, Expected, Status, open_post
from h2_client import COMPRESSION_ERROR, DATA, END_HEADERS, END_STREAM, HEADERS, Client, Fields, block, frame

UNPACKABLE = Connection((COMPRESSION_ERROR,))


def with_field(name: str, value: str, expected: Expected = MALFORMED, *, section: str = "8.2.1") -> Case:
    """A request with one more field."""
    return Case(section, f"a field {name!r}: {value!r}", lambda c: c.headers(fields=c.request("GET", (name, value))), expected)


def with_fields(title: str, change: "Change", expected: Expected = MALFORMED, section: str = "8.3.1") -> Case:
    """A request whose fields were changed."""
    return Case(section, title, lambda c: c.headers(fields=change(c, c.request())), expected)


class Change:
    """A change of a request's fields, by the name of one of them."""

    def __init__(self, name: str, value: str | None = None, *, again: bool = False) -> None:
        self.name, self.value, self.again = name, value, again

    def __call__(self, c: Client, fields: Fields) -> Fields:
        kept = [pair for pair in fields if pair[0] != self.name or self.again]
        return kept if self.value is None else [(self.name, self.value), *kept]


def content(c: Client, length: str, *pieces: bytes) -> bytes:
    data = [frame(DATA, 0, 1, piece) for piece in pieces[:-1]]
    return open_post(c, ("content-length", length)) + b"".join(data) + frame(DATA, END_STREAM, 1, pieces[-1])


def trailers(c: Client, *fields: tuple[str, str], flags: int = END_STREAM | END_HEADERS) -> bytes:
    return open_post(c) + frame(DATA, 0, 1, b"a") + frame(HEADERS, flags, 1, block(fields))


def raw(payload: bytes) -> bytes:
    return frame(HEADERS, END_STREAM | END_HEADERS, 1, payload)


def host(value: str) -> Change:
    return Change(":authority", value)


def without_authority(c: Client, fields: Fields) -> Fields:
    return [*Change(":authority")(c, fields), ("host", "127.0.0.1")]


FIELD_CASES = [
    with_field("X-Upper", "a"), with_field("x\x00", "a"), with_field("x y", "a"), with_field("x:", "a"),
    with_field("", "a"), with_field("x\x7f", "a"), with_field("x\xe9", "a"),
    with_field("x", "a\x00"), with_field("x", "a\rb"), with_field("x", "a\nb"), with_field("x", " a"),
    with_field("x", "a "), with_field("x", "\ta"), with_field("x", "a\tb", OK), with_field("x", "\xe9", OK),
    with_field("x", "", OK),
    with_field("connection", "keep-alive", section="8.2.2"), with_field("proxy-connection", "a", section="8.2.2"),
    with_field("keep-alive", "timeout=5", section="8.2.2"), with_field("upgrade", "h2c", section="8.2.2"),
    with_field("transfer-encoding", "chunked", section="8.2.2"), with_field("te", "gzip", section="8.2.2"),
    with_field("te", "trailers, deflate", section="8.2.2"), with_field("te", "trailers", OK, section="8.2.2"),
    Case("8.2.3", "cookie in several lines",
         lambda c: c.headers(fields=c.request("GET", ("cookie", "a=b"), ("x", "y"), ("cookie", "c=d"))), OK),
    with_field("expect", "100-continue", OK, section="RFC 9110 10.1.1"),
    with_field("expect", "coffee", Status(417), section="RFC 9110 10.1.1"),
]  # fmt: skip

PSEUDO_CASES = [
    with_field(":test", "a", section="8.3"), with_field(":status", "200", section="8.3"),
    Case("8.3", "a pseudo-field after a field",
         lambda c: c.headers(fields=[("x", "y"), *c.request()]), MALFORMED),
    Case("8.3", "a pseudo-field in trailers", lambda c: trailers(c, (":method", "GET")), MALFORMED),
    with_fields("no :method", Change(":method")), with_fields("no :scheme", Change(":scheme")),
    with_fields("no :path", Change(":path")), with_fields("an empty :path", Change(":path", "")),
    with_fields("a :path without its slash", Change(":path", "v/a")),
    with_fields("a :path with a space", Change(":path", "/a b")),
    with_fields("a :path with a fragment", Change(":path", "/a#b"), Status(400)),
    with_fields("* for GET", Change(":path", "*")),
    with_fields("a :method that is no token", Change(":method", "G ET")),
    *(with_fields(f"{name} twice", Change(name, value, again=True))
      for name, value in [(":method", "GET"), (":scheme", "https"), (":path", "/"), (":authority", "127.0.0.1")]),
    with_fields("* for OPTIONS", lambda c, f: Change(":method", "OPTIONS")(c, Change(":path", "*")(c, f)), Status(204)),
    with_fields("Host in place of :authority", without_authority, OK),
    with_fields("neither :authority nor Host", Change(":authority")),
    with_fields("Host that disagrees", lambda c, f: [*f, ("host", "other")], Status(400)),
    with_fields("Host that agrees", lambda c, f: [*f, ("host", "127.0.0.1")], OK),
    with_fields("an empty :authority", host("")),
    with_fields(":authority with user information", host("user@127.0.0.1"), Status(400)),
    with_fields(":authority with a path", host("127.0.0.1/a")),
    with_fields(":authority with a port that is no number", host("127.0.0.1:x"), Status(400)),
    with_fields(":authority with a port", host("127.0.0.1:443"), OK),
    Case("8.5", "CONNECT", lambda c: c.headers(fields=[(":method", "CONNECT"), (":authority", "a.example:443")]),
         Status(405)),
    Case("8.5", "CONNECT with :path", lambda c: c.headers(fields=c.request("CONNECT")), MALFORMED),
    with_fields("an unknown method", Change(":method", "BREW"), Status(501), "RFC 9110 9.1"),
    with_fields("TRACE", Change(":method", "TRACE"), Status(405), "RFC 9110 9.3.8"),
]  # fmt: skip

MESSAGE_CASES = [
    Case("8.1", "content in one frame", lambda c: content(c, "4", b"abcd"), Status(405)),
    Case("8.1", "content in two frames", lambda c: content(c, "4", b"ab", b"cd"), Status(405)),
    Case("8.1", "content of a GET", lambda c: c.headers(flags=END_HEADERS) + frame(DATA, END_STREAM, 1, b"abc"), OK),
    Case("8.1", "trailers", lambda c: trailers(c, ("x", "y")), Status(405)),
    Case("8.1", "trailers that do not end the stream", lambda c: trailers(c, ("x", "y"), flags=END_HEADERS), MALFORMED),
    Case("8.1.1", "less content than its length", lambda c: content(c, "5", b"abcd"), MALFORMED),
    Case("8.1.1", "more content than its length", lambda c: content(c, "3", b"abcd"), MALFORMED),
    Case("8.1.1", "less content in two frames", lambda c: content(c, "5", b"ab", b"cd"), MALFORMED),
    Case("8.1.1", "a length without content",
         lambda c: c.headers(fields=c.request("POST", ("content-length", "1"))), MALFORMED),
    Case("8.1.1", "a length of 0 without content",
         lambda c: c.headers(fields=c.request("GET", ("content-length", "0"))), OK),
    with_field("content-length", "-1", section="8.1.1"), with_field("content-length", "0, 0", section="8.1.1"),
    Case("8.1.1", "content-length twice",
         lambda c: c.headers(fields=c.request("GET", ("content-length", "0"), ("content-length", "0"))), MALFORMED),
]  # fmt: skip

HPACK_CASES = [
    Case("RFC 7541 2.3.3", "an index beyond the tables", lambda c: raw(block(c.request()) + b"\xc6"), UNPACKABLE),
    Case("RFC 7541 2.3.3", "a name's index beyond the tables", lambda c: raw(block(c.request()) + b"\x7e\x01a"), UNPACKABLE),
    Case("RFC 7541 2.3.3", "an index into an empty dynamic table", lambda c: raw(block(c.request()) + b"\xbe"), UNPACKABLE),
    Case("RFC 7541 6.1", "index 0", lambda c: raw(block(c.request()) + b"\x80"), UNPACKABLE),
    Case("RFC 7541 4.2", "a table size at the end of a block", lambda c: raw(block(c.request()) + b"\x20"), UNPACKABLE),
    Case("RFC 7541 6.3", "a table size beyond the setting", lambda c: raw(b"\x3f\xe2\x1f" + block(c.request())), UNPACKABLE),
    Case("RFC 7541 6.3", "a table size of 0", lambda c: raw(b"\x20" + block(c.request())), OK),
    Case("RFC 7541 5.2", "padding of 8 bits", lambda c: raw(block(c.request()) + b"\0\x01x\x82\x1f\xff"), UNPACKABLE),
    Case("RFC 7541 5.2", "padding of zeros", lambda c: raw(block(c.request()) + b"\0\x01x\x81\x18"), UNPACKABLE),
    Case("RFC 7541 5.2", "EOS in a string", lambda c: raw(block(c.request()) + b"\0\x01x\x84\xff\xff\xff\xff"), UNPACKABLE),
    Case("RFC 7541 5.2", "a string beyond its block", lambda c: raw(block(c.request()) + b"\0\x01x\x05ab"), UNPACKABLE),
    Case("RFC 7541 6.1", "fields by their indices", lambda c: raw(b"\x82\x87" + block(c.request()[2:])), OK),
    Case("RFC 7541 6.2.1", "a field that is indexed, and used again",
         lambda c: raw(block(c.request()) + b"\x40\x01x\x01y" + b"\xbe"), OK),
    Case("RFC 7541 6.2.1", "a field that is indexed under a known name",
         lambda c: raw(block(c.request()) + b"\x7a\x01y" + b"\x7e\x01z"), OK),
    Case("RFC 7541 6.2.2", "a field under a known name", lambda c: raw(block(c.request()) + b"\x0f\x2b\x01y"), OK),
    Case("RFC 7541 6.2.3", "a field that is never indexed", lambda c: raw(block(c.request()) + b"\x10\x01x\x01y"), OK),
    Case("RFC 7541 5.2", "strings in Huffman code", lambda c: raw(block(c.request()) + b"\0\x81\xf3\x82\x1c\x7f"), OK),
    Case("RFC 7541 6.3", "two table sizes", lambda c: raw(b"\x20\x3f\xe1\x1f" + block(c.request())), OK),
    Case("RFC 7541 4.2", "a table size in the middle of a block",
         lambda c: raw(block(c.request()[:2]) + b"\x20" + block(c.request()[2:])), UNPACKABLE),
    Case("RFC 7541 5.1", "an integer without end", lambda c: raw(block(c.request()) + b"\xff" + b"\x80" * 12), UNPACKABLE),
]  # fmt: skip
