import Crypto
import GRDB
import Hummingbird
enum OrderGatewayPlaceholder {}
