-- Lets a request start, or says how long to wait before asking again.
-- ARGV owner, op, born as the caller knows it, bound in us, 0 or, from one that did
-- without this server, for how long in us to wait for others that did, the windows
--
-- A request counts from its start as if it arrived as late as it can: bound from
-- now. done.lua moves it to when its answer had come. So it never counts as older
-- than it is, and a place is free when the server has one.
local owner, op, known, bound, grace = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local ws = windows(6)
local life = ws[#ws].per + bound
load()

-- A clock that was set back would hold everybody until it has caught up. What
-- stands here is worth nothing then: the replicas bring back what they know.
if now < tonumber(state.at or '0') - SECOND then
  redis.call('DEL', LOG, QUEUE, WAITING, REPLICAS, STATE)
  state = {}
end
if not state.born then
  set('born', text(now) .. op) -- the same op may find the next one lost as well
  if known ~= '' then
    -- The log was lost. The others bring back what they know when they ask the
    -- next time, which those that wait do every second.
    gather(5 * SECOND / 2)
  end
end
-- Where somebody asked within a second, it was away for that one caller alone.
if now - tonumber(state.at or '0') < SECOND then
  grace = 0
end
set('at', text(now))
keep(STATE, life + bound + held())
redis.call('ZADD', REPLICAS, text(now), owner)
redis.call('ZREMRANGEBYSCORE', REPLICAS, '-inf', text(now - 600 * SECOND))
keep(REPLICAS, 600 * SECOND)

-- The free places of each window are what a replica goes by if this is the last
-- answer that it gets.
local function answer(word, wait)
  local out = { word, text(wait), state.born, text(redis.call('ZCARD', REPLICAS)), text(held()), text(now) }
  for i, w in ipairs(ws) do
    local used = redis.call('ZCOUNT', LOG, '(' .. text(now - w.per), '+inf')
    out[#out + 1] = text(math.max(limit(ws, i) - others(w, ws[1].per) - used, 0))
  end
  return out
end

if known ~= '' and known ~= state.born then
  return answer('REPLAY', 0)
end
-- The reply to the first try was lost, and this is the second.
if redis.call('ZSCORE', LOG, op) then
  return answer('GO', 0)
end

-- One bound longer than the largest window, for done.lua.
redis.call('ZREMRANGEBYSCORE', LOG, '-inf', text(now - life))
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', WAITING, '-inf', text(now - 3 * SECOND))) do
  redis.call('ZREM', QUEUE, gone)
  redis.call('ZREM', WAITING, gone)
end

if grace > 0 then
  gather(grace)
end

-- The places of those who wait longer are left to them.
local queued = redis.call('ZRANK', QUEUE, owner)
local ahead = queued or redis.call('ZCARD', QUEUE)
local wait = held()
for i, w in ipairs(ws) do
  local nth = limit(ws, i) - others(w, ws[1].per) - ahead
  -- Without any place to wait for, the next change is when the newest has left.
  local at = math.max(nth, 1) - 1
  local score = tonumber(redis.call('ZREVRANGE', LOG, text(at), text(at), 'WITHSCORES')[2] or '0')
  -- What is in flight cannot leave before its answer has come.
  wait = math.max(wait, math.min(score, now) + w.per - now)
  if nth < 1 then
    wait = math.max(wait, SECOND / 20)
  end
end

if wait <= 0 then
  redis.call('ZADD', LOG, text(now + bound), op)
  keep(LOG, life + bound)
  if queued then
    redis.call('ZREM', QUEUE, owner)
    redis.call('ZREM', WAITING, owner)
  end
  return answer('GO', 0)
end
if not queued then
  redis.call('ZADD', QUEUE, redis.call('HINCRBY', STATE, 'tickets', 1), owner)
end
redis.call('ZADD', WAITING, text(now), owner)
keep(QUEUE, 60 * SECOND)
keep(WAITING, 60 * SECOND)
return answer('WAIT', wait)
