# Sourced by with-servers: processes, loopback ports, and bounded waiting for both.

# since BEGAN prints the seconds since BEGAN, a value of EPOCHREALTIME, with one decimal.
since() {
  local tenths=$(((${EPOCHREALTIME//[.,]/} - ${1//[.,]/}) / 100000))
  echo "$((tenths / 10)).$((tenths % 10))"
}

# poll SECONDS CHECK... runs CHECK ten times a second until it succeeds, and fails after SECONDS.
poll() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# free_port prints a loopback port on which nobody listens. It lies below the range from which the kernel takes the
# ports of outgoing connections, so that none of those can grab it before the server does.
free_port() {
  local port tries
  for ((tries = 0; tries < 100; tries++)); do
    port=$((20000 + SRANDOM % 10000))
    if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
      echo "$port"
      return
    fi
  done
  return 1
}

# exchange PORT BYTES COUNT sends BYTES, written as for printf, and prints the first COUNT bytes of the answer. It
# waits 2 seconds at most.
exchange() {
  # shellcheck disable=SC2016 # the inner shell expands these
  timeout 2 bash -c 'exec 3<>"/dev/tcp/127.0.0.1/$1" && printf "$2" >&3 && head -c "$3" <&3' exchange "$@" 2>/dev/null
}

# background COMMAND... starts COMMAND in a process group of its own, so that a Ctrl-C meant for us does not take a
# server from under a command that still finishes its work. Sets background_pid. Where the system can do it, the
# process is told to end also when we are killed outright and cannot clean up.
background() {
  local bound=()
  if command -v setpriv >/dev/null; then bound=(setpriv --pdeathsig TERM --); fi
  set -m
  "${bound[@]}" "$@" &
  background_pid=$!
  set +m
}

# wait_for PID waits for its end and returns its exit code, however often a signal interrupts the wait.
wait_for() {
  local status
  while :; do
    status=0
    wait "$1" || status=$?
    kill -0 "$1" 2>/dev/null || return "$status"
  done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# end TARGET asks a process that we started, or with -PID its whole group, to end, and after 5 seconds makes it.
# An empty TARGET, or one that has ended by itself, is nothing to do.
end() {
  [[ -n $1 ]] || return 0
  kill -- "$1" 2>/dev/null || return 0
  poll 5 gone "$1" || kill -s KILL -- "$1" 2>/dev/null || true
}
