# Shared by the scripts of this folder: where things are, and whether the built gateway is up to date.
# Sourced, not run. Works from any working directory.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck disable=SC2034 # used by the scripts that source this
binary=$root/.build/release/tickgate
stamp=$root/.build/release/tickgate.built

say() { printf '%s\n' "$*" >&2; }
fail() {
  say "error: $*"
  exit 1
}

# True when the gateway was built after the last change of a source. The stamp carries the time at which the build
# started, so an edit during a build counts as newer.
is_built() {
  [ -x "$binary" ] && [ -e "$stamp" ] &&
    [ -z "$(find "$root/Package.swift" "$root/Sources" -newer "$stamp" -print -quit)" ]
}

# build_release ARGUMENTS...: `swift build -c release` with a stamp. Build output goes to stderr.
build_release() {
  local started
  started=$(mktemp)
  (cd "$root" && env -u TICKGATE_CORE swift build -c release "$@" >&2) || {
    rm -f "$started"
    return 1
  }
  touch -r "$started" "$stamp"
  rm -f "$started"
}
