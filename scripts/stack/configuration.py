# SPDX-License-Identifier: Apache-2.0
"""Writes the programs' configuration files. See origin.conf and edge.conf for what each key means."""

import json
from dataclasses import dataclass
from pathlib import Path

from stack.credentials import Credentials
from stack.paths import WEB
from stack.ports import Ports


@dataclass(frozen=True)
class JobTimes:
    """How soon the queue notices a dead worker, and how often it tries a part."""

    lease_seconds: int = 30
    heartbeat_seconds: int = 5
    tries_max: int = 3


def origin_text(state: Path, ports: Ports, keys: Credentials, times: JobTimes) -> str:
    """origin.conf of a stack: read by `origin` and by `transcode worker`."""
    return f"""\
state: {_quoted(state)}
api:
  listen: 127.0.0.1:{ports.api}
  publicURL: http://127.0.0.1:{ports.api}
  keysFile: {_quoted(keys.api_keys)}
  webFolder: {_quoted(WEB)}
s3:
  listen: 127.0.0.1:{ports.s3}
  publicURL: http://127.0.0.1:{ports.s3}
  credentialsFile: {_quoted(keys.s3_credentials)}
delivery:
  listen: 127.0.0.1:{ports.delivery}
  accessLog: {_quoted(state / "log" / "delivery.jsonl")}
playback:
  edges: [https://127.0.0.1:{ports.edge_1}, https://127.0.0.1:{ports.edge_2}]
  tokenKeysFile: {_quoted(keys.token_keys)}
purge:
  shields: [127.0.0.1:{ports.shield_admin}]
  edges: [127.0.0.1:{ports.edge_1_admin}, 127.0.0.1:{ports.edge_2_admin}]
  tokenFile: {_quoted(keys.admin_token)}
transcode:
  leaseSeconds: {times.lease_seconds}
  heartbeatSeconds: {times.heartbeat_seconds}
  triesMax: {times.tries_max}
"""


def shield_text(
    name: str,
    listen: int,
    admin: int,
    upstream: int,
    keys: Credentials,
    workers: str = "auto",
    cache: Path | None = None,
) -> str:
    """edge.conf of a shield: plain HTTP from the edges, no tokens; its upstream is the origin's delivery. `cache`: a folder
    for the disk tier."""
    return f"""\
role: shield
name: {name}
workers: {workers}
listen:
  - {{endpoint: 127.0.0.1:{listen}, tls: false}}
admin: {{listen: 127.0.0.1:{admin}, tokenFile: {_quoted(keys.admin_token)}}}
token: {{required: false}}
upstream: {{servers: [127.0.0.1:{upstream}]}}
{_disk_text(cache)}"""


def edge_text(
    name: str,
    listen: int,
    admin: int,
    upstream: int,
    keys: Credentials,
    workers: str = "auto",
    log: Path | None = None,
    more: str = "",
    cache: Path | None = None,
) -> str:
    """edge.conf of an edge: TLS and tokens towards the viewers; its upstream is a shield. `more`: further lines; `cache`: a
    folder for the disk tier."""
    access_log = f"accessLog: {{file: {_quoted(log)}}}\n" if log else ""
    return f"""\
role: edge
name: {name}
workers: {workers}
listen:
  - {{endpoint: 127.0.0.1:{listen}, tls: true}}
admin: {{listen: 127.0.0.1:{admin}, tokenFile: {_quoted(keys.admin_token)}}}
tls:
  certificate: {_quoted(keys.certificate)}
  key: {_quoted(keys.certificate_key)}
token:
  required: true
  keysFile: {_quoted(keys.token_keys)}
upstream: {{servers: [127.0.0.1:{upstream}]}}
{access_log}{_disk_text(cache)}{more}"""


def _disk_text(folder: Path | None) -> str:
    return f"cache: {{disk: {{folder: {_quoted(folder)}, bytes: 2GiB}}}}\n" if folder else ""


def _quoted(path: Path) -> str:
    """A JSON string is a YAML string: paths may hold spaces and colons."""
    return json.dumps(str(path))
