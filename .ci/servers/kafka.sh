# Sourced by with-servers: Apache Kafka from its Maven jars.

kafka_version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$here/kafka/pom.xml")
kafka_jars=${XDG_CACHE_HOME:-$HOME/.cache}/careerstream/kafka-$kafka_version

# kafka_fetch fills the cache. The folder appears under its name only when it is complete, so neither an interrupted
# download nor two runs at once leave half a broker behind.
kafka_fetch() {
  [[ -d $kafka_jars ]] && return
  require mvn maven
  mkdir -p "$(dirname "$kafka_jars")"
  local fetched attempt
  fetched=$(mktemp -d "$kafka_jars.XXXXXX")
  for attempt in 1 2 3; do
    if mvn --quiet --batch-mode --file "$here/kafka/pom.xml" dependency:copy-dependencies \
      -DincludeScope=runtime -DoutputDirectory="$fetched" >"$work/maven.log" 2>&1 </dev/null; then
      mv --no-target-directory "$fetched" "$kafka_jars" 2>/dev/null || rm -rf "$fetched"
      return
    fi
    ((attempt == 3)) || sleep $((attempt * 5))
  done
  rm -rf "$fetched"
  tail -n 20 "$work/maven.log" >&2
  echo "the jars of Apache Kafka $kafka_version could not be fetched" >&2
  return 1
}

# kafka_start DIR formats a new store in DIR and starts the broker, whose log is DIR/log. Sets kafka_port and kafka_pid.
kafka_start() {
  local dir=$1 controller_port
  kafka_port=$(free_port)
  controller_port=$(free_port)
  sed -e "s|@BROKER_PORT@|$kafka_port|" -e "s|@CONTROLLER_PORT@|$controller_port|" -e "s|@DIR@|$dir|" \
    "$here/kafka/server.properties" >"$dir/server.properties"
  # Any cluster id will do: 16 bytes in URL-safe base64. Asking the broker's own tool for one costs another JVM.
  java -cp "$kafka_jars/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn kafka.tools.StorageTool format \
    --cluster-id careerstream-ci-broker --standalone --config "$dir/server.properties" >"$dir/log" 2>&1 || return
  background java -Xmx1g -cp "$kafka_jars/*" -Dorg.slf4j.simpleLogger.defaultLogLevel=warn \
    -Dorg.slf4j.simpleLogger.showDateTime=true kafka.Kafka "$dir/server.properties" >>"$dir/log" 2>&1 </dev/null
  kafka_pid=$background_pid
}

# kafka_ready asks the broker for the cluster's metadata and succeeds when a broker is listed: a broker that still
# recovers answers, but lists nobody. Metadata, version 1, correlation id 7, no client id, no topics.
kafka_ready() {
  local request='\x00\x00\x00\x0e\x00\x03\x00\x01\x00\x00\x00\x07\xff\xff\x00\x00\x00\x00' answer
  answer=$(exchange "$kafka_port" "$request" 12 | od -An -v -tx1 | tr -d ' \n')
  # Length, correlation id, number of brokers.
  [[ $answer =~ ^[0-9a-f]{8}0000000700000001$ ]]
}
