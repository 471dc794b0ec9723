// SPDX-License-Identifier: Apache-2.0

import CLinux
import COpenSSL

/// Has OpenSSL take its small blocks from free lists, so that a record costs no allocation. Call it once, before
/// anything else uses OpenSSL; afterwards it does nothing and returns false.
@discardableResult
public func useBlockPoolInOpenSSL() -> Bool {
    CRYPTO_set_mem_functions(
        { size, _, _ in spw_record_take(size) }, { block, size, _, _ in spw_block_resize(block, size) },
        { block, _, _ in spw_block_give(block) }) == 1
}
