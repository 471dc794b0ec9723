// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Backends
import Base
import Foundation
import Glibc

/// The program `origin`: the API and the web app, the embedded S3 endpoint, and delivery to shields.
@main
struct OriginMain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "origin",
        abstract: "Takes uploads, keeps the catalog and the media, and delivers them to shields.",
        version: "0.1.0")

    @Option(name: .long, help: "The configuration file; see origin.conf of the distribution.")
    var config = "origin.conf"

    @Flag(name: .long, help: "Check the configuration and the key files, then exit.")
    var check = false

    func run() async throws {
        let services: OriginServices
        do {
            let configuration = try OriginConfiguration(path: config)
            Log.configure(program: "origin", level: configuration.logLevel)
            services = try OriginServices(configuration)
        } catch {
            FileHandle.standardError.write(Data("\(error)\n".utf8))
            throw ExitCode(2)
        }
        if check {
            print("\(config): good")
            return
        }
        do {
            raiseDescriptorLimit()
            try await services.run()
        } catch {
            Log.error("the origin ends", ["reason": "\(error)", "listeners": services.addresses])
            throw ExitCode(1)
        }
        Log.info("the origin has ended")
    }

    /// Lets the process open as many files as the system allows: each connection and each delivered object is one,
    /// and the usual soft limit of 1024 is far below `connectionsMax`.
    private func raiseDescriptorLimit() {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        if setrlimit(resource, &limit) != 0 { Log.warning("the limit of open files stays as it is") }
    }
}
