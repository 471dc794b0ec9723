// zlib: gzip for playlists. The function below is a macro in zlib.h.
#pragma once
#include <zlib.h>

/// Begins a stream in gzip's format (16 + 15: RFC 1952 with the largest window).
static inline int spw_deflate_init_gzip(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY);
}
