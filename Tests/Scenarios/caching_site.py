# SPDX-License-Identifier: Apache-2.0
"""An edge without tokens in front of an origin that a scenario gives its answers, for scenarios about HTTP caching."""

import itertools
from dataclasses import dataclass

from curl import HTTP_1, Answer, fetch
from edge_node import EdgeNode
from reply_origin import Reply, ReplyOrigin

_numbers = itertools.count()


@dataclass(frozen=True)
class Site:
    """Both of them."""

    origin: ReplyOrigin
    node: EdgeNode

    def path(self, *replies: Reply) -> str:
        """A new path that is answered so, in this order."""
        path = f"/c/{next(_numbers)}"
        self.origin.replies[path] = list(replies)
        return path

    def get(self, path: str, *options: str, version: str = HTTP_1) -> Answer:
        return fetch(self.node.secure(path), version, *options, ca=self.node.keys.ca, seconds=10)


def header(name: str, value: str) -> tuple[str, str]:
    return ("-H", f"{name}: {value}")
