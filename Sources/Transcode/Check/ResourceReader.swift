// SPDX-License-Identifier: Apache-2.0

import HLS

/// Where a presentation is read from.
protocol ResourceReader {
    func read(_ request: CheckRequest) -> CheckResponse
}

/// Reads everything that a check asks for, one resource after another.
func runCheck(
    root: String, reader: some ResourceReader, limits: CheckLimits = CheckLimits(),
    progress: (Double) -> Void = { _ in }
) -> PresentationCheck {
    var check = PresentationCheck(root: root, limits: limits)
    while let request = check.next() {
        check.receive(reader.read(request))
        let (done, known) = check.progress
        progress(100 * Double(done) / Double(max(1, known)))
    }
    return check
}
