# SPDX-License-Identifier: Apache-2.0
"""Reads just enough of HLS playlists to walk a presentation as a player does."""

import re
from collections.abc import Callable
from posixpath import dirname, join, normpath

_URI_ATTRIBUTE = re.compile(r'URI="([^"]+)"')
_RESOLUTION = re.compile(r"^#EXT-X-STREAM-INF:.*\bRESOLUTION=(\d+)x(\d+)", re.MULTILINE)


def references(playlist: str) -> list[str]:
    """Each URI that a playlist names, once, in order."""
    found: dict[str, None] = {}
    for line in filter(None, map(str.strip, playlist.splitlines())):
        if not line.startswith("#"):
            found[line] = None
        elif attribute := _URI_ATTRIBUTE.search(line):
            found[attribute.group(1)] = None
    return list(found)


def resolutions(multivariant: str) -> list[tuple[int, int]]:
    """Width and height of each variant, in order."""
    return [(int(width), int(height)) for width, height in _RESOLUTION.findall(multivariant)]


def presentation_files(read: Callable[[str], str], master: str = "master.m3u8") -> list[str]:
    """The path of every file of a presentation, relative to the folder of `master`; `read` fetches a playlist."""
    found = [master]
    for path in found:
        if path.endswith(".m3u8"):
            for reference in references(read(path)):
                target = normpath(join(dirname(path), reference))
                if target not in found:
                    found.append(target)
    return found
