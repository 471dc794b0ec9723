// nghttp2: the HTTP/2 framing and HPACK state machine. It does no I/O.
#pragma once
#include <nghttp2/nghttp2.h>
