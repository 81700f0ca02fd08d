# Python environments of the tests, made on demand below .build/python. Sourced, not run.
# Versions are pinned: a new release of a client must not fail a build that it has nothing to do with.

venvs=$root/.build/python

venv_python() { echo "$venvs/$1/bin/python"; }

# Requirements of an environment, one `pip install` argument list per line.
venv_steps() {
  case "$1" in
    tools) echo "pytest==9.2.0 pytest-xdist==3.8.0 websockets==17.4 pyzmq==27.3.0" ;;
    openalgo1) echo "pytest==9.2.0 openalgo==1.0.47" ;;
    openalgo2)
      if python3 -c 'import sys; sys.exit(sys.version_info < (3, 12))'; then
        echo "pytest==9.2.0 openalgo==2.0.5"
      else
        # 2.x asks for Python 3.12 but runs on 3.11 when its dependencies are chosen by hand.
        echo "pytest==9.2.0 httpx pandas websocket-client numpy"
        echo "--no-deps --ignore-requires-python openalgo==2.0.5"
      fi
      ;;
  esac
}

# prepare_venv NAME: makes the environment unless it is there with these very requirements. Fails when it cannot.
prepare_venv() {
  local directory=$venvs/$1 steps line
  steps=$(venv_steps "$1")
  [ "$(cat "$directory/requirements.done" 2>/dev/null)" = "$steps" ] && return 0
  rm -rf "$directory"
  mkdir -p "$venvs"
  python3 -m venv "$directory" >&2 || return 1
  while IFS= read -r line; do
    # shellcheck disable=SC2086 # a line is a list of arguments
    "$directory/bin/pip" install -q --disable-pip-version-check --retries 1 --timeout 20 $line >&2 || return 1
  done <<<"$steps"
  printf '%s\n' "$steps" >"$directory/requirements.done"
}
