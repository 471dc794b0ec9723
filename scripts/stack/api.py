# SPDX-License-Identifier: Apache-2.0
"""A client of the origin's API, with nothing but the standard library."""

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CHUNK_BYTES = 1 << 18
Video = dict[str, Any]
"""The JSON object `video` of the API."""


class ApiError(RuntimeError):
    """The API answered with an error; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """Speaks to one origin as a creator does."""

    def __init__(self, base: str, key: str) -> None:
        self.base = base
        self._key = key

    def call(self, method: str, path: str, body: Any = None, key: str | None = None) -> Any:
        """One request with the API key (or `key`, empty for none); returns the JSON answer, None where it is empty."""
        request = urllib.request.Request(self.base + path, method=method)
        secret = self._key if key is None else key
        if secret:
            request.add_header("Authorization", f"Bearer {secret}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            detail = error.read().decode(errors="replace")
            raise ApiError(error.code, f"{method} {path}: {error.code} {detail}") from None
        return json.loads(text) if text else None

    def create(self, title: str, file_bytes: int | None = None) -> tuple[Video, dict[str, Any]]:
        """A new video, and where to upload its file: {method, url, headers, expiresAt}."""
        body = {"title": title, "contentType": "video/mp4"}
        made = self.call("POST", "/v1/videos", body if file_bytes is None else {**body, "bytes": file_bytes})
        return made["video"], made["upload"]

    def complete(self, video: str) -> Video:
        return self.call("POST", f"/v1/videos/{video}/complete")

    def get(self, video: str) -> Video:
        return self.call("GET", f"/v1/videos/{video}")

    def playback(self, video: str) -> dict[str, Any]:
        """A signed manifest address: {manifestUrl, posterUrl, token, expiresAt}."""
        return self.call("POST", f"/v1/videos/{video}/playback", {})

    def job(self, video: str) -> dict[str, Any]:
        """The job of a video with its parts."""
        return self.call("GET", f"/v1/videos/{video}/job")

    def failed_tries(self, video: str) -> list[dict[str, Any]]:
        """The tries of the job's parts that failed, the latest first, with their logs."""
        return self.call("GET", f"/v1/videos/{video}/job/log")["tries"]

    def cancel(self, video: str) -> Video:
        return self.call("POST", f"/v1/videos/{video}/cancel")

    def retry(self, video: str) -> Video:
        return self.call("POST", f"/v1/videos/{video}/retry")

    def metrics(self) -> dict[str, float]:
        """The origin's metrics, by name with labels."""
        with urllib.request.urlopen(self.base + "/metrics", timeout=30) as response:
            lines = response.read().decode().splitlines()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}

    def upload(self, title: str, file: Path, progress: Callable[[int], None] = lambda percent: None) -> str:
        """Creates a video of a file, uploads the file and completes it; returns the video's identifier."""
        video, upload = self.create(title, file.stat().st_size)
        put_file(upload, file, progress)
        self.complete(video["id"])
        return video["id"]

    def wait_until_done(
        self, video: str, seconds: float, progress: Callable[[Video], None] = lambda video: None
    ) -> Video:
        """Returns the video once it is READY or FAILED; raises TimeoutError after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            state = self.get(video)
            progress(state)
            if state["status"] in ("READY", "FAILED"):
                return state
            if time.monotonic() > deadline:
                raise TimeoutError(f"video {video} is still {state['status']} after {seconds:.0f} s: {state}")
            time.sleep(0.2)


def put_file(upload: dict[str, Any], file: Path, progress: Callable[[int], None] = lambda percent: None) -> None:
    """Sends a file to a presigned address; `progress` is told the per cent sent."""
    address = urlsplit(upload["url"])
    total = file.stat().st_size
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=60)
    try:
        connection.putrequest(upload["method"], f"{address.path}?{address.query}")
        for name, value in {**upload.get("headers", {}), "Content-Length": str(total)}.items():
            connection.putheader(name, value)
        connection.endheaders()
        sent = 0
        with file.open("rb") as source:
            while chunk := source.read(CHUNK_BYTES):
                connection.send(chunk)
                sent += len(chunk)
                progress(100 * sent // total)
        response = connection.getresponse()
        answer = response.read().decode(errors="replace")
        if response.status != 200:
            raise ApiError(response.status, f"the upload was refused: {response.status} {answer}")
    finally:
        connection.close()
