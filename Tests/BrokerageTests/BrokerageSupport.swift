// What the tests of instrument masters share: scratch directories, packed data, a server of one list.

import Brokerage
import CZlib
import Foundation
import Glibc
import Market
import Normalize
import Synchronization
import TestSupport

/// Days since 1970-01-01.
func day(_ year: Int, _ month: Int, _ dayOfMonth: Int) -> Int32 {
  CivilDate(year: year, month: month, dayOfMonth: dayOfMonth)?.day ?? 0
}

/// Epoch nanoseconds of a minute in India.
func india(_ year: Int, _ month: Int, _ dayOfMonth: Int, _ hour: Int, _ minute: Int = 0) -> Int64 {
  ISTTime.epochNanos(day: day(year, month, dayOfMonth), minuteOfDay: hour * 60 + minute)
}

/// A new directory, removed with its owner.
final class Scratch: Sendable {
  let path: String

  init() {
    path = "\(NSTemporaryDirectory())tickgate-masters-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }
}

/// One gzip member.
func gzip(_ bytes: [UInt8]) -> [UInt8] {
  var stream = z_stream()
  let windowBitsOfGzip: Int32 = 15 + 16
  guard tg_deflate_init(&stream, 6, windowBitsOfGzip, 8) == Z_OK else { return [] }
  defer { deflateEnd(&stream) }
  var input = bytes
  var output = [UInt8](repeating: 0, count: bytes.count + 1024)
  let count = input.withUnsafeMutableBufferPointer { input in
    output.withUnsafeMutableBufferPointer { output in
      stream.next_in = input.baseAddress
      stream.avail_in = UInt32(input.count)
      stream.next_out = output.baseAddress
      stream.avail_out = UInt32(output.count)
      deflate(&stream, Z_FINISH)
      return output.count - Int(stream.avail_out)
    }
  }
  return Array(output[..<count])
}

/// Angel One's list of these shares of NSE and futures of NFO that expire on a day.
func angelList(shares: Range<Int>, futures: Range<Int> = 0..<0, expiry: String = "30DEC2027", broken: Int = 0)
  -> [UInt8]
{
  func row(_ token: String, _ symbol: String, _ name: String, _ expiry: String, _ type: String, _ exchange: String)
    -> String
  {
    """
    {"token":"\(token)","symbol":"\(symbol)","name":"\(name)","expiry":"\(expiry)","strike":"-1.000000",\
    "lotsize":"1","instrumenttype":"\(type)","exch_seg":"\(exchange)","tick_size":"5.000000"}
    """
  }
  var rows = shares.map { row("\($0)", "SHARE\($0)-EQ", "SHARE\($0)", "", "", "NSE") }
  rows += futures.map { row("f\($0)", "X", "SHARE\($0)", expiry, "FUTSTK", "NFO") }
  rows += (0..<broken).map { row("", "BROKEN\($0)-EQ", "B", "", "", "NSE") }
  return Array("[\(rows.joined(separator: ","))]".utf8)
}

/// Angel's list as one that may come from anywhere.
let angel = BrokerList.of("angel")!

/// A server on a free port that answers every connection with the same bytes, however slowly, and closes.
final class OneAnswerServer: Sendable {
  let port: Int
  private let listener: Int32
  private let received = Mutex<[String]>([])

  /// - Parameter parts: each is sent alone; before the next one the server waits.
  init(_ parts: [[UInt8]], waitMillis: UInt32 = 0) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, length) == 0 && listen(listener, 16) == 0 && getsockname(listener, $0, &length) == 0
      }
    }
    guard isBound else { throw CocoaError(.fileReadUnknown) }
    self.listener = listener
    port = Int(UInt16(bigEndian: address.sin_port))
    Thread { [weak self] in
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else {
          // Not before: the number would be another server's while this thread still accepts.
          close(listener)
          return
        }
        var request = [UInt8](repeating: 0, count: 16_384)
        let count = recv(client, &request, request.count, 0)
        self?.received.withLock { $0.append(String(decoding: request.prefix(max(count, 0)), as: UTF8.self)) }
        for (index, part) in parts.enumerated() {
          if index > 0 { usleep(waitMillis * 1000) }
          var sent = 0
          while sent < part.count {
            let count = part.withUnsafeBytes {
              send(client, $0.baseAddress! + sent, part.count - sent, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            sent += count
          }
        }
        shutdown(client, Int32(SHUT_RDWR))
        close(client)
      }
    }.start()
  }

  deinit { shutdown(listener, Int32(SHUT_RDWR)) }

  /// An answer with a length.
  static func answer(_ body: [UInt8], status: String = "200 OK", headers: String = "") -> [UInt8] {
    Array("HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.count)\r\nConnection: close\r\n\r\n".utf8) + body
  }

  var requests: [String] { received.withLock { $0 } }
  var url: String { "http://127.0.0.1:\(port)/list?key=secret" }
}
