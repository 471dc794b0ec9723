// libcurl: fetching what `transcode check` is given the address of.
// curl_easy_setopt and curl_easy_getinfo are variadic, which Swift can not import: one function for each type of value.
#pragma once
#include <curl/curl.h>

static inline CURLcode spw_curl_set_long(CURL *handle, CURLoption option, long value) {
    return curl_easy_setopt(handle, option, value);
}
/// libcurl copies the text. NULL takes the option back.
static inline CURLcode spw_curl_set_text(CURL *handle, CURLoption option, const char *value) {
    return curl_easy_setopt(handle, option, value);
}
/// Where what is received goes, and the pointer that comes with each call.
static inline CURLcode spw_curl_set_receiver(CURL *handle, curl_write_callback receive, void *context) {
    CURLcode code = curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, receive);
    return code != CURLE_OK ? code : curl_easy_setopt(handle, CURLOPT_WRITEDATA, context);
}
static inline long spw_curl_long(CURL *handle, CURLINFO info) {
    long value = 0;
    return curl_easy_getinfo(handle, info, &value) == CURLE_OK ? value : 0;
}
/// Owned by the handle until its next transfer; may be NULL.
static inline const char *spw_curl_text(CURL *handle, CURLINFO info) {
    const char *value = NULL;
    return curl_easy_getinfo(handle, info, &value) == CURLE_OK ? value : NULL;
}
