// OpenSSL for Swift: the headers, and functions for what OpenSSL only offers as macros.
#pragma once
#include <features.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static inline int tg_ssl_ctx_min_version(SSL_CTX *context, int version) {
  return SSL_CTX_set_min_proto_version(context, version);
}

/// No renegotiation, no compression; of the ciphers that both know, the server's order counts.
static const uint64_t TG_SSL_OPTIONS = SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE;

static inline void tg_ssl_ctx_mode(SSL_CTX *context, long mode) { SSL_CTX_set_mode(context, mode); }

static inline void tg_ssl_ctx_cache_mode(SSL_CTX *context, long mode) {
  SSL_CTX_set_session_cache_mode(context, mode);
}

/// Name for the server_name extension; 1 on success.
static inline int tg_ssl_server_name(SSL *session, const char *name) {
  return (int)SSL_set_tlsext_host_name(session, name);
}

static inline void tg_bio_retry_read(BIO *bio) { BIO_set_retry_read(bio); }
static inline void tg_bio_clear_retry(BIO *bio) { BIO_clear_retry_flags(bio); }

/// Reason code of an entry of the error queue.
static inline int tg_err_reason(unsigned long code) { return ERR_GET_REASON(code); }
