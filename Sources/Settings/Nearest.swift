// Finds the name that was probably meant: edit distance over short names. Cold path, no owner thread.

enum Nearest {
  /// Longer names are not looked at: nobody mistypes a setting into one, and the work stays bounded.
  static let nameBytesMax = 64

  /// The candidate with the smallest edit distance, when it is near enough to be a misspelling.
  static func name(to given: String, among candidates: [String]) -> String? {
    guard given.utf8.count <= nameBytesMax else { return nil }
    var best: (name: String, distance: Int)?
    for candidate in candidates {
      let distance = distance(Array(given.utf8), Array(candidate.utf8))
      if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    // A third of the name may differ, so that "ws.prot" finds "ws.port" and "colour" finds nothing.
    guard let best, best.distance <= max(2, given.utf8.count / 3) else { return nil }
    return best.name
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other.
  static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforePrevious = [Int](repeating: 0, count: right.count + 1)
    var previous = Array(0...right.count)
    for i in 0..<left.count {
      var current = [i + 1]
      current.reserveCapacity(right.count + 1)
      for j in 0..<right.count {
        let replaced = previous[j] + (left[i] == right[j] ? 0 : 1)
        var least = min(replaced, previous[j + 1] + 1, current[j] + 1)
        if i > 0, j > 0, left[i] == right[j - 1], left[i - 1] == right[j] {
          least = min(least, beforePrevious[j - 1] + 1)
        }
        current.append(least)
      }
      beforePrevious = previous
      previous = current
    }
    return previous[right.count]
  }
}
