import Brokerage
import Testing
@Suite struct StubTests { @Test func `x`() {} }
