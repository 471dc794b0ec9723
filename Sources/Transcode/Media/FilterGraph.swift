// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// One chain of libavfilter filters with one input and one output, for pictures or for sound.
final class FilterGraph {
    enum Kind {
        case video, audio

        fileprivate var source: String { self == .video ? "buffer" : "abuffer" }
        fileprivate var sink: String { self == .video ? "buffersink" : "abuffersink" }
    }

    private var graph: UnsafeMutablePointer<AVFilterGraph>?
    private let source: UnsafeMutablePointer<AVFilterContext>
    private let sink: UnsafeMutablePointer<AVFilterContext>

    /// `input` holds the source filter's options, `chain` the filters between source and sink in libavfilter's
    /// own language. Both are made from numbers and names of the program, never from texts of a file.
    init(_ kind: Kind, input: String, chain: String) throws(MediaError) {
        graph = avfilter_graph_alloc()
        guard let graph else { throw MediaError.failed("no memory for a filter graph") }
        // One thread: the threads of a job are its rungs.
        graph.pointee.nb_threads = 1
        var source: UnsafeMutablePointer<AVFilterContext>?
        var sink: UnsafeMutablePointer<AVFilterContext>?
        do throws(MediaError) {
            try check(
                avfilter_graph_create_filter(&source, avfilter_get_by_name(kind.source), "in", input, nil, graph),
                "make a filter source")
            try check(
                avfilter_graph_create_filter(&sink, avfilter_get_by_name(kind.sink), "out", nil, nil, graph),
                "make a filter sink")
            try Self.connect(graph, source: source, sink: sink, chain: chain)
            guard source != nil, sink != nil else { throw MediaError.failed("no filter source or sink") }
        } catch {
            avfilter_graph_free(&self.graph)
            throw error
        }
        // Both were checked above.
        self.source = source.unsafelyUnwrapped
        self.sink = sink.unsafelyUnwrapped
    }

    deinit {
        avfilter_graph_free(&graph)
    }

    /// Gives one frame to the chain, which takes its own reference; nil tells the end.
    func push(_ frame: Frame?) throws(MediaError) {
        try check(
            av_buffersrc_add_frame_flags(source, frame?.pointer, Int32(AV_BUFFERSRC_FLAG_KEEP_REF)), "filter a frame")
    }

    /// The next frame that is ready; nil when the chain wants more, or is at its end.
    func pull() throws(MediaError) -> Frame? {
        let frame = try Frame()
        let code = av_buffersink_get_frame(sink, frame.pointer)
        if code == spw_av_again() || code == spw_av_eof() { return nil }
        try check(code, "take a filtered frame")
        return frame
    }

    /// The unit of the times of frames that come out; a filter may have changed it.
    var outputTimeBase: AVRational { av_buffersink_get_time_base(sink) }

    /// Audio: every frame but the last will have exactly this many samples.
    func setFrameSize(_ samples: Int) {
        av_buffersink_set_frame_size(sink, UInt32(samples))
    }

    private static func connect(
        _ graph: UnsafeMutablePointer<AVFilterGraph>, source: UnsafeMutablePointer<AVFilterContext>?,
        sink: UnsafeMutablePointer<AVFilterContext>?, chain: String
    ) throws(MediaError) {
        // In libavfilter's words the chain's open input is fed by our source, named as an "output".
        var outputs = avfilter_inout_alloc()
        var inputs = avfilter_inout_alloc()
        defer {
            avfilter_inout_free(&outputs)
            avfilter_inout_free(&inputs)
        }
        guard let output = outputs, let input = inputs else { throw MediaError.failed("no memory for filter pads") }
        output.pointee.name = av_strdup("in")
        output.pointee.filter_ctx = source
        input.pointee.name = av_strdup("out")
        input.pointee.filter_ctx = sink
        try check(avfilter_graph_parse_ptr(graph, chain, &inputs, &outputs, nil), "read a filter chain")
        try check(avfilter_graph_config(graph, nil), "configure a filter chain")
    }
}
