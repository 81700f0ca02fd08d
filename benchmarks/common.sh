# Shared by the scripts of this folder; sourced, not run.

# heavy FILE CPU COMMAND...: runs a command on a CPU, in a scheduling group of its own with all the weight there is (on a
# busy machine plain niceness has no effect across groups), and leaves its process id in FILE.
heavy() {
  local file=$1 cpu=$2
  shift 2
  # shellcheck disable=SC2016
  setsid -w bash -c 'echo $$ >"$1"; echo -20 2>/dev/null >/proc/self/autogroup || true; shift; exec taskset -c "$@"' \
    _ "$file" "$cpu" "$@"
}

# await_port PORT LOG: until somebody listens there.
await_port() {
  local tries=200
  until (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; do
    tries=$((tries - 1))
    [ $tries -gt 0 ] || { echo "nobody listens on port $1" >&2 && cat "$2" >&2 && exit 1; }
    sleep 0.05
  done
}

# end PID PORT: ends a server that was started here, and waits until its port is free: the kernel takes a ring apart
# after its process, and the listener with it.
end() {
  kill "$1" 2>/dev/null || true
  while kill -0 "$1" 2>/dev/null; do sleep 0.05; done
  while (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; do sleep 0.05; done
}
