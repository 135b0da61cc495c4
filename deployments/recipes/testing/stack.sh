# Sourced by the checks of the recipes: a simulated feed and the producer, beside a Kafka and a Redis that are there.

# shellcheck source-path=SCRIPTDIR
source "$root/.ci/servers/packages.sh"
# shellcheck source-path=SCRIPTDIR
source "$root/.ci/servers/processes.sh"

: "${KAFKA_BROKERS:?is needed: .ci/servers/with-servers sets it}" "${REDIS_URL:?is needed beside KAFKA_BROKERS}"

export PYTHONDONTWRITEBYTECODE=1
cache=${XDG_CACHE_HOME:-$HOME/.cache}/careerstream/recipes
work=$(mktemp -d "${TMPDIR:-/tmp}/careerstream-recipes.XXXXXX")
processes=()

cleanup() {
  trap '' INT TERM HUP
  local pid
  for pid in "${processes[@]}"; do end "$pid"; done
  rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

say() { echo "recipes: $*" >&2; }

# server NAME COMMAND... starts COMMAND with its log in $work/NAME.log, and sets server_pid.
server() {
  background "${@:2}" >"$work/$1.log" 2>&1 </dev/null
  server_pid=$background_pid
  processes+=("$server_pid")
}

# ready NAME SECONDS CHECK... waits until CHECK succeeds, and shows the log of NAME where it does not.
ready() {
  poll "$2" "${@:3}" && return
  tail -n 30 "$work/$1.log" >&2
  say "$1: still not there after $2 s"
  return 1
}

# prepared NAME FILE COMMAND... runs COMMAND once for each content of FILE in a folder of its own, and sets prepared to
# that. What was interrupted is begun again.
prepared() {
  local digest
  digest=$(sha256sum "$2")
  prepared=$cache/$1-${digest:0:16}
  [[ -e $prepared/.complete ]] && return
  rm -rf "$prepared"
  mkdir -p "$prepared"
  (cd "$prepared" && "${@:3}") >"$work/install.log" 2>&1 || {
    tail -n 30 "$work/install.log" >&2
    return 1
  }
  touch "$prepared/.complete"
}

# python_with REQUIREMENTS sets python to an interpreter that has them.
python_with() {
  require python3 python3 python3-venv
  prepared python "$1" eval "python3 -m venv . && bin/pip install --quiet --requirement '$1'"
  python=$prepared/bin/python
}

# stream ROWS backfills a new stream of so many companies, with topics of its own.
stream() {
  require curl curl
  (cd "$root" && go build -o "$work/" ./deployments/simulator ./producer)
  export FEED_NAME=recipes-$SRANDOM JOBO_API_KEY=jbe_test_recipes-$SRANDOM-$SRANDOM LISTEN=''
  export CAREER_SITES_TOPIC=$FEED_NAME.sites PROGRESS_TOPIC=$FEED_NAME.progress DEAD_LETTERS_TOPIC=$FEED_NAME.dead
  export SIMULATOR_API_KEY=$JOBO_API_KEY
  server simulator "$work/simulator" --listen 127.0.0.1:0 --plain --rows "$1"
  ready simulator 30 simulated
  export JOBO_BASE_URL
  JOBO_BASE_URL=$(sed -n 's/^simulated feed at \([^ ]*\).*/\1/p' "$work/simulator.log")
  sync
}

simulated() { grep -q '^simulated feed at ' "$work/simulator.log"; }

# sync publishes what is new in the feed.
sync() {
  timeout 120 "$work/producer" sync >"$work/producer.log" 2>&1 || {
    tail -n 30 "$work/producer.log" >&2
    return 1
  }
}

# feed METHOD RESOURCE JSON changes the feed.
feed() { curl --silent --show-error --fail --max-time 30 --output "$work/feed.log" --request "$1" --data "$3" "$JOBO_BASE_URL/admin/$2"; }
