// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import HTTPTypes
import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import ServiceLifecycle
import Token
import UnixSignals

/// Everything the program runs, wired together from the configuration: three listeners and the progress hub.
struct OriginServices: Sendable {
    /// A connection on which nothing happens for so long is closed.
    private static let idleSeconds: Int64 = 75
    /// Open connections of each listener; more wait in the listener's backlog.
    private static let connectionsMax = 8192
    /// What is still running this long after SIGTERM is cut off.
    private static let shutdownSeconds: Int64 = 10

    let api: OriginAPI
    let s3: S3Endpoint
    let delivery: DeliveryEndpoint
    let purges: PurgeSender
    private let configuration: OriginConfiguration
    private let logger: Logger

    /// Opens the catalog, the objects and the key files. Throws a `ConfigurationError`, a `BackendError`, an
    /// `ObjectStoreError` or a `SystemError`, each with a sentence for the operator.
    init(_ configuration: OriginConfiguration) throws {
        self.configuration = configuration
        logger = Logger(label: "hummingbird") { label in
            var handler = SwiftLogAdapter(label: label)
            handler.logLevel = configuration.logLevel == .debug ? .debug : .notice
            return handler
        }
        let apiKeys = try APIKeys(file: configuration.api.keysFile)
        let credentials = try S3Credentials(file: configuration.s3.credentialsFile)
        let tokenKeys = try TokenKeySet(file: configuration.playback.tokenKeysFile)
        let metrics = OriginMetrics()
        let store = try FileObjectStore(root: configuration.objectsPath)
        let database = try CatalogDatabase(path: configuration.catalogPath)
        let catalog = SQLiteCatalog(database: database)
        let outbox = SQLitePurgeOutbox(
            database: database, retryMillisecondsMax: Int64(configuration.purge.retrySecondsMax) * 1000)
        purges = try PurgeSender(configuration.purge, outbox: outbox, metrics: metrics)
        api = OriginAPI(
            configuration: configuration, catalog: catalog,
            queue: SQLiteJobQueue(database: database, rules: JobRules(triesMax: configuration.transcode.triesMax)),
            outbox: outbox,
            store: store, apiKeys: apiKeys,
            presigner: S3Presigner(credential: credentials.presigning, publicURL: configuration.s3.publicURL),
            tokenKeys: tokenKeys, progress: ProgressHub(catalog: catalog, metrics: metrics),
            webApp: WebApp(
                folder: configuration.api.webFolder, playerPath: configuration.state + "/vendor/hls.mjs",
                edges: configuration.playback.edges, uploadURL: configuration.s3.publicURL),
            metrics: metrics)
        s3 = S3Endpoint(
            store: store, catalog: catalog, verifier: S3Verifier(credentials: credentials),
            uploadBytesMax: configuration.s3.uploadBytesMax, metrics: metrics)
        delivery = DeliveryEndpoint(
            store: store, metrics: metrics, accessLog: try configuration.delivery.accessLog.map(AccessLog.init(path:)))
    }

    /// Runs until SIGTERM or SIGINT; requests in work are finished first.
    func run() async throws {
        // They are stopped from the last to the first: event streams must end before the API can.
        var group = ServiceGroupConfiguration(
            services: [deliveryApplication, s3Application, apiApplication, api.progress, housekeeping, purges],
            gracefulShutdownSignals: [.sigterm, .sigint], logger: logger)
        group.maximumGracefulShutdownDuration = .seconds(Self.shutdownSeconds)
        try await ServiceGroup(configuration: group).run()
    }

    var housekeeping: Housekeeping {
        Housekeeping(catalog: api.catalog, store: api.store, presignSeconds: configuration.s3.presignSeconds)
    }

    /// The configured addresses, for messages.
    var addresses: String {
        "\(configuration.api.listen) \(configuration.s3.listen) \(configuration.delivery.listen)"
    }

    var apiApplication: some ApplicationProtocol {
        Application(
            router: api.router(), server: Self.server(), configuration: address(configuration.api.listen),
            onServerRunning: Self.announce("api"), logger: logger)
    }

    var s3Application: some ApplicationProtocol {
        let endpoint = s3
        let responder = CallbackResponder<BasicRequestContext> { request, context in
            let response = await endpoint.respond(to: request, requestID: context.id)
            endpoint.metrics.countRequest(.s3, status: response.status.code)
            return response
        }
        let server = Self.server { endpoint.wantsBody(of: $0) }
        return Application(
            responder: responder, server: server, configuration: address(configuration.s3.listen),
            onServerRunning: Self.announce("s3"), logger: logger)
    }

    var deliveryApplication: some ApplicationProtocol {
        let endpoint = delivery
        let responder = CallbackResponder<BasicRequestContext> { request, _ in
            let response = await endpoint.respond(to: request)
            endpoint.metrics.countRequest(.delivery, status: response.status.code)
            return response
        }
        return Application(
            responder: responder, server: Self.server(), configuration: address(configuration.delivery.listen),
            onServerRunning: Self.announce("delivery"), logger: logger)
    }

    /// HTTP/1.1 with our limits. A client that waits for `100 Continue` gets it when `wantsBody` says so; else it gets
    /// the final answer and keeps its body.
    private static func server(wantsBody: @escaping @Sendable (HTTPRequest) -> Bool = { _ in true })
        -> HTTPServerBuilder
    {
        HTTPServerBuilder { respond in
            HTTP1Channel(
                responder: { request, writer, channel in
                    if request.headers[.expect]?.lowercased() == "100-continue", wantsBody(request.head) {
                        try await writer.writeInformationalHead(HTTPResponse(status: .continue))
                    }
                    try await respond(request, writer, channel)
                },
                configuration: .init(
                    idleTimeout: .seconds(idleSeconds),
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100)))
        }
    }

    private func address(_ endpoint: Endpoint) -> ApplicationConfiguration {
        ApplicationConfiguration(
            address: .hostname(endpoint.address, port: Int(endpoint.port)),
            availableConnectionsDelegate: MaximumAvailableConnections(Self.connectionsMax))
    }

    private static func announce(_ listener: String) -> @Sendable (any Channel) async -> Void {
        { channel in
            Log.info("listening", ["listener": listener, "address": "\(channel.localAddress?.description ?? "")"])
        }
    }
}
