import Foundation
import GRDB

/// A blob's bytes. GRDB's own name for them is Foundation's `Data`.
typealias DatabaseBytes = Data
