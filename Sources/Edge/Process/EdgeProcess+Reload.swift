// SPDX-License-Identifier: Apache-2.0
//
// SIGHUP: the configuration and every file that it names are read anew. All of it is made and checked first (EdgePlan,
// new sockets); only then is anything put in force, by steps that can not fail. A mistake anywhere leaves all as it was.

import Base
import Net
import Token

extension EdgeProcess {
    /// Reads everything anew, and puts it in force on all workers without closing a connection; or logs what is wrong.
    func reload() {
        guard !draining.isDraining else { return Log.info("Not reloaded: draining") }
        do {
            let configuration = try requireApplicable(EdgeConfiguration(file: file))
            let next = try EdgePlan(configuration, ticketKeys: ticketKeys, after: plan)
            let admin = try openAdmin(configuration)
            do {
                let present = plan.configuration.listen.map(\.endpoint)
                putInForce(next, try next.openSockets(notIn: present, count: runs.count), admin)
            } catch {
                admin?.close()
                throw error
            }
        } catch let error as ConfigurationError {
            status.reloadsFailed.add()
            for problem in error.problems { Log.error("Not reloaded", ["reason": "\(problem)"]) }
        } catch {
            status.reloadsFailed.add()
            Log.error("Not reloaded", ["reason": "\(error)"])
        }
    }

    /// The configuration with what can not change at run time as it is in force; the log says so. Throws when the role is
    /// another one: nearly every default would be.
    private func requireApplicable(_ wanted: EdgeConfiguration) throws -> EdgeConfiguration {
        var wanted = wanted
        let present = plan.configuration
        guard wanted.role == present.role else {
            throw ConfigurationError(problems: [
                ConfigurationProblem(
                    file: file, line: 1, column: 1, key: "role",
                    problem: "is `\(wanted.role.rawValue)` and was `\(present.role.rawValue)`; it needs a restart")
            ])
        }
        func keep<Value: Equatable>(_ key: String, _ path: WritableKeyPath<EdgeConfiguration, Value>) {
            guard wanted[keyPath: path] != present[keyPath: path] else { return }
            Log.warning(
                "Needs a restart",
                [
                    "key": key, "inForce": "\(present[keyPath: path])", "configured": "\(wanted[keyPath: path])",
                ])
            wanted[keyPath: path] = present[keyPath: path]
        }
        keep("workers", \.workers)
        keep("cache.memoryBytes", \.memoryBytes)
        keep("cache.policy", \.evictionPolicy)
        keep("cache.disk", \.disk)
        keep("purge.folder", \.purgeFolder)
        keep("purge.rules", \.purgesMax)
        if wanted.objectBytesMax > present.memoryBytes { wanted.objectBytesMax = present.memoryBytes }
        return wanted
    }

    private func openAdmin(_ wanted: EdgeConfiguration) throws -> ListeningSocket? {
        guard let endpoint = wanted.admin, endpoint != plan.configuration.admin else { return nil }
        do {
            return try ListeningSocket(endpoint)
        } catch let error as SocketError {
            throw wanted.adminPlace?.error("\(error)") ?? error
        }
    }

    /// Nothing here can fail but for lack of memory.
    private func putInForce(_ next: EdgePlan, _ sockets: [[ListeningSocket]], _ adminSocket: ListeningSocket?) {
        let configuration = next.configuration
        let changed = configuration.changedSections(from: plan.configuration)
        Log.configure(program: configuration.name, level: configuration.logLevel)
        applyTicketKeys(next)
        applyAddressLimit(configuration.connectionsPerAddress)
        let adminListeners = configuration.admin.map { [ListenerSettings(endpoint: $0, tls: nil)] } ?? []
        for endpoint in admin.setListeners(adminListeners, opening: adminSocket.map { [$0] } ?? []) {
            Log.error("The administration can not listen: no memory", ["endpoint": "\(endpoint)"])
        }
        health.apply(next.settings.upstreams.settings)
        plan = next
        administration.tokens = next.adminTokens
        administration.scopes = PurgeScopes(next.settings)
        status.certificates = next.certificates
        status.sites = next.settings.sites.map(\.requests)
        // Counted on this thread, one at a time.
        nonisolated(unsafe) var waiting = runs.count
        nonisolated(unsafe) let process = self
        let applied: @Sendable () -> Void = {
            waiting -= 1
            if waiting == 0 { process.reloaded(next, changed) }
        }
        for (run, sockets) in zip(runs, sockets) {
            run.apply(next, addresses, sockets) { process.post(applied) }
        }
    }

    /// Every worker has the new plan.
    private func reloaded(_ plan: EdgePlan, _ changed: [String]) {
        status.reloads.add()
        Log.info(
            "Reloaded",
            [
                "file": file, "changed": changed.isEmpty ? "none" : changed.joined(separator: " "),
                "certificates": "\(plan.certificates.count)",
                "tokenKeys": "\(plan.settings.tokenKeys?.keys.count ?? 0)",
                "ticketKeys": rotation.usesFile ? "file" : "random",
                "listen": plan.listeners.map { "\($0.endpoint)" }.joined(separator: " "),
                "upstream": plan.settings.upstream.servers.map { "\($0.endpoint)" }.joined(separator: " "),
                "sites": "\(plan.settings.sites.count)",
            ])
    }

    private func applyTicketKeys(_ next: EdgePlan) {
        var following = TicketRotation(next.configuration.tls, keys: ticketKeys, now: Clock.monotonicMilliseconds())
        following.resume(rotation)
        if let keys = next.ticketKeysOfFile {
            ticketKeys.replace(with: keys)
        } else if rotation.usesFile {
            do {
                // The file's keys are no longer ours to encrypt with.
                try ticketKeys.rotate()
            } catch {
                Log.error("The ticket keys stay as they are", ["reason": "\(error)"])
            }
        }
        rotation = following
    }

    private func applyAddressLimit(_ connectionsMax: Int) {
        if connectionsMax == 0 {
            addresses = nil
        } else if let addresses {
            addresses.connectionsMax = connectionsMax
        } else {
            // Connections that are open already are not in it.
            addresses = AddressTable(connectionsMax: connectionsMax)
        }
    }
}
