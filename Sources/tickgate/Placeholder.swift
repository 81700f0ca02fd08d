import ArgumentParser
import Logging
import ServiceLifecycle
import TOMLKit
@main struct Main { static func main() {} }
