import Glibc

/// Why a loop could not start, with the cause and the command that mends it.
public enum LoopError: Error, CustomStringConvertible, Equatable {
  /// The kernel refuses io_uring.
  case ringRefused(errno: Int32)
  /// The kernel is too old for what the ring needs.
  case ringTooOld(missing: String)
  case epollRefused(errno: Int32)
  case portTaken(host: String, port: UInt16, owner: String?)
  case cannotBind(host: String, port: UInt16, errno: Int32)
  case badAddress(String)
  case descriptorLimit(needed: UInt64, hardLimit: UInt64)
  case outOfMemory(what: String)

  /// What is wrong, and what mends it. For the ring that is, besides, to do without it.
  public var description: String {
    switch self {
    case .ringRefused, .ringTooOld: "\(cause). Or set io.backend to auto or epoll: slower, but it runs anywhere."
    default: cause
    }
  }

  /// The same without the other backend.
  var cause: String {
    switch self {
    case .ringRefused(let code) where code == EPERM || code == EACCES:
      """
      io_uring is not permitted here (\(code == EPERM ? "EPERM" : "EACCES")). On the host: sysctl -w \
      kernel.io_uring_disabled=0 ; in Docker: run with --security-opt seccomp=config/docker/seccomp.json, which allows \
      io_uring_setup, io_uring_enter and io_uring_register
      """
    case .ringRefused(let code) where code == ENOSYS:
      """
      this kernel, or the container's seccomp profile, has no io_uring (ENOSYS): Linux 6.1 or newer is needed, see \
      uname -r; in Docker: run with --security-opt seccomp=config/docker/seccomp.json
      """
    case .ringRefused(let code) where code == ENOMEM:
      "io_uring could not lock its memory (ENOMEM): ulimit -l unlimited, or LimitMEMLOCK=infinity in the service"
    case .ringRefused(let code): "io_uring could not be set up: \(Self.text(code))"
    case .ringTooOld(let missing): "this kernel's io_uring lacks \(missing): Linux 6.1 or newer is needed"
    case .epollRefused(let code): "epoll could not be set up: \(Self.text(code))"
    case .portTaken(let host, let port, let owner):
      "\(host):\(port) is taken\(owner.map { " by \($0)" } ?? ""): stop that process or choose another port"
    case .cannotBind(let host, let port, let code) where code == EACCES:
      "no permission to bind \(host):\(port): choose a port above 1023"
    case .cannotBind(let host, let port, let code): "cannot bind \(host):\(port): \(Self.text(code))"
    case .badAddress(let text): "'\(text)' is not an address"
    case .descriptorLimit(let needed, let hard):
      "\(needed) descriptors are needed, the hard limit is \(hard): raise it with ulimit -Hn \(needed) as root"
    case .outOfMemory(let what): "no memory for \(what)"
    }
  }

  static func text(_ code: Int32) -> String { "\(String(cString: strerror(code))) (errno \(code))" }
}
