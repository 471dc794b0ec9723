// OpenSSL 3: TLS for the edge, HMAC for tokens. Swift does not import function-like macros, hence the shims.
#pragma once
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

// Macro over SSL_CTX_ctrl.
static inline long spw_ssl_ctx_set_mode(SSL_CTX *ctx, long mode) { return SSL_CTX_set_mode(ctx, mode); }
// Macro over SSL_CTX_ctrl.
static inline int spw_ssl_ctx_set_min_tls12(SSL_CTX *ctx) { return (int)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION); }
// Macro over SSL_CTX_ctrl.
static inline long spw_ssl_ctx_set_session_cache_off(SSL_CTX *ctx) { return SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); }
// Macro over SSL_CTX_set_options with a 64-bit constant that Swift imports as several types.
static inline void spw_ssl_ctx_set_server_options(SSL_CTX *ctx) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
}
// Macros over BIO_set_flags / BIO_clear_flags.
static inline void spw_bio_set_retry_read(BIO *b) { BIO_set_retry_read(b); }
static inline void spw_bio_set_retry_write(BIO *b) { BIO_set_retry_write(b); }
static inline void spw_bio_clear_retry(BIO *b) { BIO_clear_retry_flags(b); }
// A constant that Swift imports as another integer type than the mode takes.
static inline long spw_ssl_mode_moving_buffer(void) { return SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER; }
// Macro over SSL_ctrl.
static inline long spw_ssl_set_tlsext_host_name(SSL *s, const char *name) { return SSL_set_tlsext_host_name(s, name); }
