// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
//
// The dependency lists below are the architecture: a target may import what it names here and nothing
// else (ARCHITECTURE.md draws it). `make` builds with `--explicit-target-dependency-import-check error`.

import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

/// Targets on the path of a cached response. Cross-module optimisation lets the small accessors of
/// Net, Cache and Token be inlined into Edge without marking each one. Run-time exclusivity checks took 9 %
/// of the instructions of a 2 KB hit (callgrind); they stay on in debug builds, in which the tests run.
let dataPlane =
    strict + [
        .unsafeFlags(
            ["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release))
    ]

let package = Package(
    name: "spillway",
    products: [
        .executable(name: "edge", targets: ["Edge"]),
        .executable(name: "origin", targets: ["Origin"]),
        .executable(name: "transcode", targets: ["Transcode"]),
        .executable(name: "loadtest", targets: ["LoadTests"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.8.0"),
    ],
    targets: [
        // C libraries.
        .target(name: "CLinux"),
        .systemLibrary(name: "CNGHTTP2", pkgConfig: "libnghttp2", providers: [.apt(["libnghttp2-dev"])]),
        .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
        .systemLibrary(
            name: "CFFmpeg", pkgConfig: "libavfilter",
            providers: [.apt(["libavformat-dev", "libavcodec-dev", "libavfilter-dev", "libswscale-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),

        // Leaves.
        .target(
            name: "Base", dependencies: ["CLinux", .product(name: "Yams", package: "Yams")], swiftSettings: dataPlane),
        .target(name: "HLS", swiftSettings: strict),
        .target(name: "Token", dependencies: ["Base", "COpenSSL"], swiftSettings: dataPlane),

        // The edge.
        .target(name: "Net", dependencies: ["Base", "CLinux", "CNGHTTP2", "COpenSSL"], swiftSettings: dataPlane),
        .target(name: "Cache", dependencies: ["Base"], swiftSettings: dataPlane),
        .executableTarget(
            name: "Edge",
            dependencies: [
                "Base", "Net", "Token", "Cache", "HLS", "CLinux", "CLMDB", "CZlib",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: dataPlane),

        // The origin and its workers.
        .target(
            name: "Backends",
            dependencies: [
                "Base",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "Origin",
            dependencies: [
                "Base", "HLS", "Token", "Backends",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ],
            swiftSettings: strict),
        .executableTarget(
            name: "Transcode",
            dependencies: [
                "Base", "HLS", "Backends", "CFFmpeg", "CLinux",
                "CCurl",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),

        // Load and comparison.
        .executableTarget(
            name: "LoadTests",
            dependencies: [
                "Base", "Net", "Token", "Cache", "CLinux", "CNGHTTP2", "COpenSSL",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "LoadTests", exclude: ["README.md"], swiftSettings: dataPlane),

        // Tests mirror Sources.
        // The seeded fuzzer that the test targets of parsers share.
        .target(name: "Fuzzing", path: "Tests/Fuzzing", swiftSettings: strict),
        .testTarget(name: "BaseTests", dependencies: ["Base"], swiftSettings: strict),
        .testTarget(name: "HLSTests", dependencies: ["HLS", "Fuzzing"], swiftSettings: strict),
        .testTarget(name: "TokenTests", dependencies: ["Token", "Base", "Fuzzing"], swiftSettings: strict),
        .testTarget(
            name: "NetTests", dependencies: ["Net", "Base", "CLinux", "Fuzzing", "CNGHTTP2"], swiftSettings: strict),
        .testTarget(name: "LoadTestsTests", dependencies: ["LoadTests", "Cache"], swiftSettings: strict),
        .testTarget(name: "CacheTests", dependencies: ["Cache", "Base", "Fuzzing"], swiftSettings: strict),
        .testTarget(
            name: "EdgeTests", dependencies: ["Edge", "Net", "Cache", "Token", "HLS", "Base", "Fuzzing"],
            swiftSettings: strict),
        .testTarget(
            name: "BackendsTests",
            dependencies: ["Backends", "Base", .product(name: "GRDB", package: "GRDB.swift")], swiftSettings: strict),
        .testTarget(
            name: "OriginTests",
            dependencies: [
                "Origin", "Backends", "Base",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdTesting", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "TranscodeTests", dependencies: ["Transcode", "HLS", "Base", "Backends"], swiftSettings: strict),
    ]
)
