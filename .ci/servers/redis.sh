# Sourced by with-servers: the Redis on PATH.

# redis_start DIR starts a Redis that keeps its data and its log in DIR. Sets redis_port and redis_pid.
redis_start() {
  local dir=$1
  redis_port=$(free_port)
  # An append-only file and no eviction, as the product asks of its users: no key of the state may vanish quietly.
  background redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$dir" --daemonize no \
    --save '' --appendonly yes --maxmemory-policy noeviction >"$dir/log" 2>&1 </dev/null
  redis_pid=$background_pid
}

redis_ready() {
  [[ $(exchange "$redis_port" 'PING\r\n' 7 | tr -d '\r') == +PONG ]]
}
