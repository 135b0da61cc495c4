# Sourced by with-servers: Apicurio Registry, whose Confluent-compatible API stands for every schema registry's.

registry_version=3.3.3
registry_home=${XDG_CACHE_HOME:-$HOME/.cache}/careerstream/apicurio-$registry_version

# registry_fetch fills the cache, which appears under its name only when it is complete.
registry_fetch() {
  [[ -d $registry_home ]] && return
  require mvn maven
  mkdir -p "$(dirname "$registry_home")"
  local fetched archive attempt
  fetched=$(mktemp -d "$registry_home.XXXXXX")
  for attempt in 1 2 3; do
    if mvn --quiet --batch-mode dependency:copy -Dartifact="io.apicurio:apicurio-registry-app:$registry_version:tar.gz:all" \
      -DoutputDirectory="$fetched" >"$work/maven.log" 2>&1 </dev/null; then
      archive=$(echo "$fetched"/*.tar.gz)
      tar -xzf "$archive" -C "$fetched" && rm "$archive"
      mv --no-target-directory "$fetched" "$registry_home" 2>/dev/null || rm -rf "$fetched"
      return
    fi
    ((attempt == 3)) || sleep $((attempt * 5))
  done
  rm -rf "$fetched"
  tail -n 20 "$work/maven.log" >&2
  echo "Apicurio Registry $registry_version could not be fetched" >&2
  return 1
}

# registry_start DIR starts a registry that keeps everything in memory, with its log in DIR/log. Sets registry_port and
# registry_pid. Its management port listens everywhere unless it is told not to.
registry_start() {
  local dir=$1 java management
  java=$(newer_java) || return
  registry_port=$(free_port)
  management=$(free_port)
  background env QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT="$registry_port" \
    QUARKUS_MANAGEMENT_HOST=127.0.0.1 QUARKUS_MANAGEMENT_PORT="$management" \
    "$java" -Xmx512m -jar "$(find "$registry_home" -name quarkus-run.jar -o -name 'apicurio-registry-app-*-runner.jar' | head -n 1)" >"$dir/log" 2>&1 </dev/null
  registry_pid=$background_pid
}

# registry_ready asks for the subjects.
registry_ready() {
  local request='GET /apis/ccompat/v7/subjects HTTP/1.0\r\n\r\n' answer
  answer=$(exchange "$registry_port" "$request" 15)
  [[ $answer == 'HTTP/1.'?' 200'* ]]
}
