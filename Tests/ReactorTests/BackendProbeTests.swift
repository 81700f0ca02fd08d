import Glibc
import Reactor
import Testing

@Suite struct BackendProbeTests {
  @Test(arguments: [
    LoopError.ringRefused(errno: EPERM), .ringRefused(errno: ENOSYS), .ringRefused(errno: ENOMEM),
    .ringTooOld(missing: "something"),
  ])
  func `a refused ring means epoll, with the cause`(_ refusal: LoopError) throws {
    let choice = try BackendProbe.choose(.auto) { () throws(LoopError) in throw refusal }
    #expect(choice.kind == .epoll)
    #expect(choice.reason.contains("io_uring"), "\(choice.reason)")
    #expect(!choice.reason.contains("io.backend"), "what is done already needs no advice: \(choice.reason)")
  }

  @Test func `a ring that was asked for and refused is an error that tells what to do`() throws {
    do {
      _ = try BackendProbe.choose(.uring) { () throws(LoopError) in throw .ringRefused(errno: EPERM) }
      Issue.record("the refusal was passed over")
    } catch {
      #expect(error == .ringRefused(errno: EPERM))
      for words in ["EPERM", "kernel.io_uring_disabled", "config/docker/seccomp.json", "io.backend"] {
        #expect(error.description.contains(words), "\(error)")
      }
    }
  }

  @Test func `epoll is taken without a look at the ring, and the ring when it is there`() throws {
    let epoll = try BackendProbe.choose(.epoll) { () throws(LoopError) in Issue.record("the ring was tried") }
    #expect(epoll.kind == .epoll)
    for kind in [BackendKind.auto, .uring] { #expect(try BackendProbe.choose(kind) {}.kind == .uring) }
  }

  /// Whatever this kernel says, it says it twice, and leaves no descriptor behind.
  @Test func `the real probe agrees with the real ring`() throws {
    let choice = try BackendProbe.choose(.auto)
    if choice.kind == .uring {
      _ = try UringBackend(limits: LoopLimits())
    } else {
      #expect(throws: LoopError.self) { try UringBackend(limits: LoopLimits()) }
    }
  }

  @Test func `the names of the setting are the names of the kinds`() {
    #expect(BackendKind.allCases.map(\.rawValue) == ["auto", "uring", "epoll"])
  }
}
