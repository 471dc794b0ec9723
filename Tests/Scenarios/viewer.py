# SPDX-License-Identifier: Apache-2.0
"""What a viewer of one video needs: signed addresses on an edge, and the origin's bytes to compare with."""

import hashlib
import hmac
import time
import urllib.request
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from stack.playlist import presentation_files
from stack.stack import Stack


def sign(key: str, acl: str, seconds: int = 600) -> str:
    """An EdgeAuth 2.0 token, made here so that the product's signer and verifier are both checked against it."""
    text = f"exp={int(time.time()) + seconds}~acl={acl}"
    return f"{text}~hmac={hmac.new(bytes.fromhex(key), text.encode(), hashlib.sha256).hexdigest()}"


@dataclass(frozen=True)
class Viewer:
    """One viewer of one video at one edge, with a path token."""

    stack: Stack
    video: str
    edge_port: int

    @property
    def ca(self) -> Path:
        return self.stack.keys.ca

    def at_edge(self, path: str) -> str:
        """The signed address of a file of the video."""
        token = sign(self.stack.keys.token_key, f"/v/{self.video}/*")
        return f"https://127.0.0.1:{self.edge_port}/hdnts={token}/v/{self.video}/{path}"

    def from_origin(self, path: str) -> bytes:
        """The file as the origin's delivery serves it to a shield."""
        return read(f"http://127.0.0.1:{self.stack.ports.delivery}/v/{self.video}/{path}")

    @cached_property
    def files(self) -> list[str]:
        """Every file of the presentation, as its playlists name them."""
        return presentation_files(lambda path: self.from_origin(path).decode())

    def first_segment(self) -> str:
        """The first segment of the first rung."""
        return next(path for path in self.files if path.endswith("/0.m4s"))


def read(address: str) -> bytes:
    """The body of a plain GET."""
    with urllib.request.urlopen(address, timeout=30) as response:
        return response.read()
