// The clear text inside the credential store: a JSON object per broker. Pure. What a newer version added is ignored.

import JSONText

/// Codec of the store's content.
enum StoredText {
  private static let obtained = "obtained_nanos"

  static func encode(_ contents: CredentialStore.Contents) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    for (broker, secrets) in contents.sorted(by: { $0.key < $1.key }) {
      writer.key(broker)
      writer.beginObject()
      for field in secrets.fields { writer.member(field.rawValue, secrets[field] ?? "") }
      if let nanos = secrets.obtainedNanos { writer.member(obtained, nanos) }
      writer.endObject()
    }
    writer.endObject()
    return writer.bytes
  }

  /// Nil when it is not the text of a store.
  static func decode(_ bytes: [UInt8]) -> CredentialStore.Contents? {
    guard let root = try? JSONDocument(bytes).root, root.kind == .object else { return nil }
    var contents: CredentialStore.Contents = [:]
    for (broker, value) in root.members {
      guard value.kind == .object else { return nil }
      var secrets = BrokerSecrets()
      for field in CredentialField.allCases { secrets[field] = value[field.rawValue]?.string }
      secrets.obtainedNanos = value[obtained]?.integer
      if !secrets.isEmpty { contents[broker] = secrets }
    }
    return contents
  }
}
