# SPDX-License-Identifier: Apache-2.0
"""An edge by itself, without tokens, in front of any upstream: for scenarios about the edge's own limits."""

import json
import re
from collections.abc import Sequence
from pathlib import Path

from stack.credentials import make_credentials
from stack.paths import program
from stack.ports import free_ports
from stack.program import Program
from viewer import read


class EdgeNode:
    """One edge process on free ports; `stop` ends it."""

    def __init__(
        self,
        folder: Path,
        name: str,
        upstream: int | str,
        limits: str = "{}",
        cache: str = "{}",
        workers: int = 1,
        prefix: Sequence[str | Path] = (),
        more: str = "",
        requests: str = "{methods: read}",
    ) -> None:
        """`upstream` is the port of a server or YAML for that key of edge.conf, as `limits` and `cache` are; `prefix` is a command that runs the edge, `more`
        are further lines of its configuration."""
        self.keys = make_credentials(folder / "keys")
        self.port, self.plain_port, self.admin_port = free_ports(3)
        if isinstance(upstream, int):
            upstream = f"{{servers: [127.0.0.1:{upstream}], stallTimeoutMilliseconds: 5000}}"
        conf = folder / f"{name}.conf"
        conf.write_text(
            f"""\
name: {name}
workers: {workers}
listen:
  - {{endpoint: 127.0.0.1:{self.port}, tls: true}}
  - {{endpoint: 127.0.0.1:{self.plain_port}, tls: false}}
admin: {{listen: 127.0.0.1:{self.admin_port}}}
tls: {{certificate: {json.dumps(str(self.keys.certificate))}, key: {json.dumps(str(self.keys.certificate_key))}}}
token: {{required: false}}
requests: {requests}
upstream: {upstream}
cache: {cache}
limits: {limits}
{more}"""
        )
        health = f"http://127.0.0.1:{self.admin_port}/healthz"
        self.program = Program(name, [*prefix, program("edge"), "--config", conf], folder / "log", health)
        try:
            self.program.wait_until_ready()
        except BaseException:
            self.program.kill()
            raise

    def stop(self) -> int:
        return self.program.stop()

    def secure(self, path: str) -> str:
        return f"https://127.0.0.1:{self.port}{path}"

    def plain(self, path: str) -> str:
        return f"http://127.0.0.1:{self.plain_port}{path}"

    def metric(self, name: str) -> int:
        """A number of /metrics; labels are part of the name."""
        text = read(f"http://127.0.0.1:{self.admin_port}/metrics").decode()
        found = re.search(rf"^{re.escape(name)} (\d+)$", text, re.MULTILINE)
        assert found, f"{name} is not in /metrics"
        return int(found.group(1))

    def resident_bytes(self) -> int:
        """What the process has in memory now."""
        status = Path(f"/proc/{self.program.pid}/status").read_text()
        found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
        assert found
        return int(found.group(1)) * 1024

    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self.program.pid}/fd").iterdir()))
