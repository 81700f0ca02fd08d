// The readers that judge the encoders, on documented examples.

import Testing

@Suite struct WireReaderTests {
  @Test func `Angel's examples read as documented`() {
    let ltp = AngelPacket(
      bytes: [UInt8](
        hex: """
          01 0d 31 32 33 34 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 b3 ba a4 e3 9e
          00 00 00 a3 a1 3f b7 9c 01 00 00 5c 72 b8 3d 00 00 00 00
          """))
    #expect(ltp.bytes.count == 51 && ltp.mode == 1 && ltp.exchange == 13 && ltp.token == "1234")
    #expect(ltp.exchangeMillis == 1_772_600_926_627 && ltp.last == 103.5498076 && ltp.sequence == 682_424_056_499)
  }

  @Test func `Dhan's examples read as documented`() throws {
    let message = [UInt8](hex: "02 10 00 01 35 05 00 00 1a 8e a8 47 b3 5c 52 6a 05 0c 00 02 cf cb 00 00 c8 d0 3f 00")
    let packets = try #require(DhanPacket.all(message))
    #expect(packets.map(\.code) == [2, 5] && packets.map(\.length) == [16, 12])
    #expect(packets[0].segment == 1 && packets[0].id == 1333 && packets[0].tradeSeconds == 1_783_762_779)
    #expect(Float(packets[0].last) == 86300.2)
    #expect(packets[1].bytes.little(8, as: UInt32.self) == 4_182_216)
    let book = [UInt8](
      hex: """
        2c 00 29 02 cf cb 00 00 02 00 00 00 cd cc cc cc 04 12 f8 40 66 9f 22 00 5f 0f 00 00 33 33 33 33
        5b fc ee 40 e9 a1 30 00 ae 07 00 00
        """)
    let side = try #require(DhanBook.all(book)?.first)
    #expect(side.code == 41 && side.segment == 2 && side.id == 52175)
    let levels = [
      Level(price: 98592.3, quantity: 2_269_030, orders: 3935),
      Level(price: 63458.85, quantity: 3_187_177, orders: 1966),
    ]
    #expect(side.levels == levels)
  }

  @Test func `Upstox's examples read as documented`() throws {
    let frame = [UInt8](
      hex: """
        08 01 12 36 0a 13 4e 53 45 5f 45 51 7c 49 4e 45 30 30 32 41 30 31 30 31 38 12 1f 0a 1d 09 9a 99
        99 99 9d 01 f3 40 10 d3 fc ae f8 d1 33 18 f8 c4 4e 21 cd cc cc cc ac c3 f6 40 18 ff c9 ef e9 c0 33
        """)
    let response = try #require(Proto(frame))
    #expect(response.number(1) == 1 && response.number(3) == 1_769_748_555_007)
    let entry = try #require(response.message(2))
    #expect(entry.text(1) == "NSE_EQ|INE002A01018")
    let trade = try #require(entry.message(2)?.message(1))
    #expect(trade.double(1) == 77849.85 && trade.number(2) == 1_774_342_356_563 && trade.number(3) == 1_286_776)
    #expect(trade.double(4) == 93242.8)
    #expect(Proto([0x0F]) == nil && Proto([0x0A, 5, 1]) == nil && Proto([0x08]) == nil)
  }
}
