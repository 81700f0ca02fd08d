import Glibc

/// Limits of the process that the loops depend on.
public enum ProcessLimits {
  /// Raises the soft limit of open descriptors to what is needed .
  /// - Returns: the limit in force.
  @discardableResult
  public static func raiseDescriptors(to needed: UInt64) throws(LoopError) -> UInt64 {
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    getrlimit(resource, &limit)
    if limit.rlim_cur >= needed { return UInt64(limit.rlim_cur) }
    let hardLimit = UInt64(limit.rlim_max)
    limit.rlim_cur = rlim_t(needed)
    // Only root may raise the hard limit as well; for others the call below fails.
    limit.rlim_max = max(limit.rlim_max, rlim_t(needed))
    guard setrlimit(resource, &limit) == 0 else { throw .descriptorLimit(needed: needed, hardLimit: hardLimit) }
    return needed
  }
}
