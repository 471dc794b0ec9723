// libav*: demuxing, decoding, filtering, encoding and muxing, in process.
// The functions below stand for macros and unions that Swift can not import.
#pragma once
#include <errno.h>
#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavfilter/buffersrc.h>
#include <libavformat/avformat.h>
#include <libavutil/avutil.h>
#include <libavutil/channel_layout.h>
#include <libavutil/display.h>
#include <libavutil/error.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>

/// AVERROR(EAGAIN) is a function-like macro.
static inline int spw_av_again(void) { return AVERROR(EAGAIN); }
/// AVERROR(EPERM): what the refusing io_open callback returns.
static inline int spw_av_refused(void) { return AVERROR(EPERM); }
/// AVERROR(EIO): what a failed read of the input returns.
static inline int spw_av_io_error(void) { return AVERROR(EIO); }
/// AVERROR(ENOMEM), to tell want of memory from a broken file.
static inline int spw_av_out_of_memory(void) { return AVERROR(ENOMEM); }
/// AVERROR_EOF and AVERROR_INVALIDDATA are made by the macro FFERRTAG.
static inline int spw_av_eof(void) { return AVERROR_EOF; }
static inline int spw_av_invalid_data(void) { return AVERROR_INVALIDDATA; }
/// AV_NOPTS_VALUE is a cast expression.
static inline int64_t spw_av_no_timestamp(void) { return AV_NOPTS_VALUE; }
/// AV_TIME_BASE_Q is a compound literal.
static inline AVRational spw_av_microseconds(void) { return AV_TIME_BASE_Q; }
