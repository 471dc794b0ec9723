// SPDX-License-Identifier: Apache-2.0

/// The version of the project, shown by every program's `--version`.
public let spillwayVersion = "0.1.0"
