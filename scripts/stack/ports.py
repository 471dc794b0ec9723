# SPDX-License-Identifier: Apache-2.0
"""The TCP ports of a stack."""

import errno
import random
import socket
from dataclasses import astuple, dataclass, fields


@dataclass(frozen=True)
class Ports:
    """One port for each listener. The defaults are those of the documentation."""

    api: int = 8080
    s3: int = 9000
    delivery: int = 8081
    shield: int = 8500
    shield_admin: int = 9910
    edge_1: int = 8443
    edge_1_admin: int = 9901
    edge_2: int = 8444
    edge_2_admin: int = 9902

    @staticmethod
    def shifted(offset: int) -> "Ports":
        """The default ports, each plus `offset`."""
        return Ports(*(port + offset for port in astuple(Ports())))

    @staticmethod
    def free() -> "Ports":
        """Ports that nobody listens on now."""
        return Ports(*free_ports(len(fields(Ports))))

    def taken(self) -> list[tuple[str, int]]:
        """The name and number of each port that another program listens on."""
        named = zip((field.name for field in fields(self)), astuple(self))
        return [(name, port) for name, port in named if not is_free(port)]


def is_free(port: int) -> bool:
    """Whether 127.0.0.1:`port` can be listened on."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
        return True


def free_ports(count: int) -> list[int]:
    """`count` different free ports, below those that the kernel gives to outgoing connections."""
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(12_000, 31_000)
        if port not in found and is_free(port):
            found.append(port)
    return found
