// OpenSSL 3: TLS for the edge, HMAC for tokens. Swift does not import function-like macros, hence the shims.
#pragma once
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// Macro over SSL_CTX_ctrl.
static inline long spw_ssl_ctx_set_mode(SSL_CTX *ctx, long mode) { return SSL_CTX_set_mode(ctx, mode); }
// Macro over SSL_CTX_ctrl.
static inline int spw_ssl_ctx_set_min_version(SSL_CTX *ctx, int version) { return (int)SSL_CTX_set_min_proto_version(ctx, version); }
// Macro over SSL_CTX_ctrl.
static inline int spw_ssl_ctx_set_groups(SSL_CTX *ctx, const char *groups) { return (int)SSL_CTX_set1_groups_list(ctx, groups); }
// Macro over SSL_CTX_set_options with a 64-bit constant that Swift imports as several types.
static inline void spw_ssl_ctx_set_no_ticket(SSL_CTX *ctx) { SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET); }
// Macros over SSL_CTX_callback_ctrl and SSL_CTX_ctrl.
static inline void spw_ssl_ctx_set_servername_callback(SSL_CTX *ctx, int (*callback)(SSL *, int *, void *), void *argument) {
    SSL_CTX_set_tlsext_servername_callback(ctx, callback);
    SSL_CTX_set_tlsext_servername_arg(ctx, argument);
}
// Macro over SSL_CTX_callback_ctrl.
static inline void spw_ssl_ctx_set_ticket_callback(
    SSL_CTX *ctx, int (*callback)(SSL *, unsigned char *, unsigned char *, EVP_CIPHER_CTX *, EVP_MAC_CTX *, int)) {
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, callback);
}
// The parameter list's constructors return structs that hold pointers to their arguments: kept in one C frame.
static inline int spw_mac_init_sha256(EVP_MAC_CTX *ctx, const unsigned char *key, size_t count) {
    OSSL_PARAM params[3];
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key, count);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0);
    params[2] = OSSL_PARAM_construct_end();
    return EVP_MAC_CTX_set_params(ctx, params);
}
// Typed stacks are macros.
static inline STACK_OF(X509) *spw_chain_new(void) { return sk_X509_new_null(); }
static inline int spw_chain_push(STACK_OF(X509) *chain, X509 *certificate) { return sk_X509_push(chain, certificate); }
static inline void spw_chain_free(STACK_OF(X509) *chain) { sk_X509_pop_free(chain, X509_free); }
static inline int spw_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *spw_names_at(const GENERAL_NAMES *names, int index) { return sk_GENERAL_NAME_value(names, index); }
// Macro over ERR_GET_REASON and its kind; true when the last PEM block was simply the end of the file.
static inline int spw_err_is_pem_end(unsigned long code) {
    return ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;
}
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
// Macro over SSL_CTX_set_options with 64-bit constants that Swift imports as several types.
static inline void spw_ssl_ctx_set_client_options(SSL_CTX *ctx) {
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
}
// Constants that Swift imports as another integer type than the mode takes.
static inline long spw_ssl_mode_partial_write(void) { return SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER; }
// Macro over SSL_CTX_ctrl.
static inline void spw_ssl_ctx_set_read_ahead(SSL_CTX *ctx) { SSL_CTX_set_read_ahead(ctx, 1); }
