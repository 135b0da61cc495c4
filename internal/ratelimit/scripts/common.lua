-- What the scripts of the shared limit begin with. Times are microseconds by
-- this server's clock, the one clock of all replicas.
-- KEYS log, queue, waiting, replicas, state
local LOG, QUEUE, WAITING, REPLICAS, STATE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local SECOND = 1000000

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * SECOND + tonumber(clock[2])

-- tostring writes 14 digits, and a time has 16.
local function text(n)
  return string.format('%.0f', n)
end

-- Reads the windows, shortest first: N and length of each, from ARGV[i] on.
local function windows(i)
  local ws = {}
  for j = i, #ARGV, 2 do
    ws[#ws + 1] = { n = tonumber(ARGV[j]), per = tonumber(ARGV[j + 1]), name = 'others:' .. ARGV[j + 1] }
  end
  return ws
end

local state = {}

local function set(field, value)
  state[field] = value
  redis.call('HSET', STATE, field, value)
end

local function unset(field)
  state[field] = nil
  redis.call('HDEL', STATE, field)
end

local function load()
  local flat = redis.call('HGETALL', STATE)
  for i = 1, #flat, 2 do
    state[flat[i]] = flat[i + 1]
  end
end

local function held()
  return math.max(tonumber(state.held or '0') - now, 0)
end

-- Holds everybody back, never for less than before.
local function hold(us)
  if us > held() then
    set('held', text(now + us))
  end
end

-- Holds everybody back until all have brought what the log lacks. Until then it
-- proves nothing about others.
local function gather(us)
  hold(us)
  set('gathers', text(now + us))
end

-- Keys go when nothing in them can matter any more.
local function keep(key, us)
  redis.call('PEXPIRE', key, text(math.ceil(us / 1000)))
end

-- Returns how many requests of others a window has. The last report stands for
-- as long as the shortest window, or until the next one. After that the others'
-- requests are taken to leave evenly, so that somebody asks again.
local function others(w, shortest)
  local n, at = string.match(state[w.name] or '', '^(%d+) (%d+)$')
  local age = n and now - tonumber(at)
  if not n or age >= w.per then
    return 0
  elseif age <= shortest then
    return tonumber(n)
  end
  return math.ceil(tonumber(n) * (w.per - age) / (w.per - shortest))
end

-- Returns what a window allows. The shortest one may be capped by the server.
local function limit(ws, i)
  local cap = i == 1 and tonumber(state.cap or '')
  return cap and math.min(cap, ws[i].n) or ws[i].n
end

