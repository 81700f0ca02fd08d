// The rows of the feeds: what is common to all, then one group per broker. Data only. Cold path, no owner thread.

extension Definition {
  /// Settings of the feeds in the order of ``Key``.
  static let feeds: [Definition] = general + zerodha + angel + upstox + dhan + calendar

  private static let general: [Definition] = [
    Definition(
      .feedsEnabled, .strings(choices: ["sim", "zerodha", "angel", "upstox", "dhan"]), .strings(["sim"]),
      "Sources of market data. sim is the built-in simulated exchange."),
    Definition(
      .feedsUnsubscribeLingerMillis, .integer(0...3_600_000), .integer(30_000),
      "Milliseconds an upstream subscription is kept after its last consumer left."),
    Definition(
      .feedsSharing, .choice(["failover", "arbitrate"]), .string("failover"),
      "Where two feeds carry an instrument: failover lets the first one speak and the next take over while it is down; "
        + "arbitrate subscribes both and passes on whichever tick is newer."),
    Definition(
      .feedsFailoverSeconds, .integer(1...3600), .integer(3), "Seconds a feed is down before another takes over."),
    Definition(
      .feedsReturnSeconds, .integer(1...86_400), .integer(30),
      "Seconds a feed is back before it speaks for its instruments again."),
    Definition(
      .feedsStaleSeconds, .integer(2...3600), .integer(10),
      "Seconds without market data, in session hours and on a feed that has a rhythm, after which it is connected anew."
    ),
    Definition(
      .feedsReconnectsPerHour, .integer(1...3600), .integer(60), "Connections that a feed may try per hour."),
    Definition(
      .feedsTLSAuthorities, .path(isEmptyAllowed: true), .string(""),
      "Certificates (PEM) of the authorities that wss:// feeds must prove themselves to; empty for the system's."),
    Definition(
      .feedsLoginsPerHourMax, .integer(0...60), .integer(6),
      "Logins per hour and broker that are made without being asked, where PIN and TOTP secret are stored; 0 makes none."
    ),
  ]

  private static let zerodha: [Definition] = [
    Definition(
      .zerodhaURL, .text(isEmptyAllowed: false), .string("wss://ws.kite.trade"), "WebSocket address of the feed."),
    Definition(
      .zerodhaLoginURL, .text(isEmptyAllowed: false), .string("https://api.kite.trade"),
      "Where a request token is exchanged (tickgate token login zerodha)."),
    apiKey(.zerodhaAPIKey),
    Definition(
      .zerodhaAccessToken, .text(isEmptyAllowed: true), .string(""), isSecret: true,
      "Access token of today's login."),
    tokenFile(.zerodhaTokenFile),
    Definition(
      .zerodhaInstruments, .path(isEmptyAllowed: true), .string(""),
      "Instrument list (instruments.csv): a file or an https address; empty asks the broker, which needs the day's "
        + "login."),
  ]

  private static let angel: [Definition] = [
    Definition(
      .angelURL, .text(isEmptyAllowed: false), .string("wss://smartapisocket.angelone.in/smart-stream"),
      "WebSocket address of the feed."),
    Definition(
      .angelLoginURL, .text(isEmptyAllowed: false), .string("https://apiconnect.angelone.in"),
      "Where the gateway logs in with client id, PIN and TOTP."),
    apiKey(.angelAPIKey),
    Definition(.angelClientID, .text(isEmptyAllowed: true), .string(""), "Client code of the account."),
    Definition(
      .angelAccessToken, .text(isEmptyAllowed: true), .string(""), isSecret: true,
      "Access token (JWT) of today's login; not needed where the gateway logs in itself."),
    Definition(
      .angelFeedToken, .text(isEmptyAllowed: true), .string(""), isSecret: true,
      "Feed token of the same login."),
    tokenFile(.angelTokenFile),
    Definition(
      .angelInstruments, .path(isEmptyAllowed: true), .string(""),
      "Instrument list (OpenAPIScripMaster.json): a file or an https address; empty asks the broker."),
  ]

  private static let upstox: [Definition] = [
    Definition(
      .upstoxURL, .text(isEmptyAllowed: true), .string(""),
      "WebSocket address of the feed. Empty: feeds.upstox.login_url is asked for one before every connection."),
    Definition(
      .upstoxLoginURL, .text(isEmptyAllowed: false), .string("https://api.upstox.com"),
      "Where addresses for connections come from and where a login code is exchanged."),
    Definition(
      .upstoxRedirectURL, .text(isEmptyAllowed: true), .string(""),
      "Redirect address of the application, exactly as registered (tickgate token login upstox)."),
    apiKey(.upstoxAPIKey),
    Definition(
      .upstoxAccessToken, .text(isEmptyAllowed: true), .string(""), isSecret: true,
      "Access token of today's login."),
    tokenFile(.upstoxTokenFile),
    Definition(
      .upstoxInstruments, .path(isEmptyAllowed: true), .string(""),
      "Instrument list (complete.json.gz): a file or an https address; empty asks the broker."),
    Definition(
      .upstoxPlusPlan, .boolean, .boolean(false),
      "The account has the Plus plan: five connections instead of two, and books of 30 levels (TCS:30)."),
  ]

  private static let dhan: [Definition] = [
    Definition(
      .dhanURL, .text(isEmptyAllowed: false), .string("wss://api-feed.dhan.co"), "WebSocket address of the feed."),
    Definition(
      .dhanDepth20URL, .text(isEmptyAllowed: true), .string("wss://depth-api-feed.dhan.co/twentydepth"),
      "WebSocket address of the books of 20 levels (TCS:20); empty for none."),
    Definition(
      .dhanDepth200URL, .text(isEmptyAllowed: true), .string("wss://full-depth-api.dhan.co/twohundreddepth"),
      "WebSocket address of the books of 200 levels (TCS:200); empty for none."),
    Definition(
      .dhanLoginURL, .text(isEmptyAllowed: false), .string("https://auth.dhan.co"),
      "Where the gateway logs in with client id, PIN and TOTP, and where a consent is exchanged."),
    apiKey(.dhanAPIKey),
    Definition(.dhanClientID, .text(isEmptyAllowed: true), .string(""), "Client id of the account."),
    Definition(
      .dhanAccessToken, .text(isEmptyAllowed: true), .string(""), isSecret: true, "Access token, valid for a day."),
    tokenFile(.dhanTokenFile),
    Definition(
      .dhanInstruments, .path(isEmptyAllowed: true), .string(""),
      "Instrument list (api-scrip-master.csv, also the detailed one): a file or an https address; empty asks the "
        + "broker."),
  ]

  private static let calendar: [Definition] = [
    Definition(
      .calendarFile, .path(isEmptyAllowed: true), .string(""),
      "Sessions and holidays of the exchanges. Empty: config/calendar.toml if it is there, else regular weeks without "
        + "holidays.")
  ]

  private static func apiKey(_ key: Key) -> Definition {
    Definition(key, .text(isEmptyAllowed: true), .string(""), isSecret: true, "API key of the application.")
  }

  private static func tokenFile(_ key: Key) -> Definition {
    Definition(
      key, .path(isEmptyAllowed: true), .string(""),
      "File with the access token, watched: the text alone, or a JSON object with access_token and the like.")
  }
}
