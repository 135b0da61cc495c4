# Sourced: puts a missing program on the machine.

# require PROGRAM PACKAGE... makes sure that PROGRAM is on PATH. On a Debian machine where we are root it installs
# the PACKAGEs; elsewhere it says what is missing and fails. Mirrors fail for a moment now and then: three tries.
require() {
  local program=$1 attempt log
  shift
  command -v "$program" >/dev/null && return
  if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
    echo "$program is not on PATH: install it (Debian: apt-get install $*) and try again" >&2
    return 1
  fi
  echo "installing $* for $program" >&2
  log=$(mktemp)
  for attempt in 1 2 3; do
    # RUNLEVEL=1 keeps the package from starting a server of its own on the default port.
    if { apt-get update && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
      apt-get install --yes --no-install-recommends "$@"; } >"$log" 2>&1 </dev/null; then
      rm -f "$log"
      command -v "$program" >/dev/null && return
      echo "$* brought no $program" >&2
      return 1
    fi
    ((attempt == 3)) || sleep $((attempt * 5))
  done
  tail -n 20 "$log" >&2
  rm -f "$log"
  echo "$* could not be installed" >&2
  return 1
}

# newer_java prints a Java of version 21 or newer, which the schema registry needs and the broker does not: of those that
# are installed, the first.
newer_java() {
  local candidate version
  for candidate in java "${JAVA_HOME:+$JAVA_HOME/bin/java}" /usr/lib/jvm/*/bin/java; do
    [[ -n $candidate ]] || continue
    version=$("$candidate" -version 2>&1 | sed -nE '1s/.*version "([0-9]+).*/\1/p') || continue
    if ((${version:-0} >= 21)); then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}
