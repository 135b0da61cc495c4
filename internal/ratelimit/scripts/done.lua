-- Notes that an answer has come, and what it said about the limits.
-- ARGV op, born as the caller knows it, bound in us, when take.lua let it start (0
-- if it did not), limit and remaining (0 and 0 if nothing was said), the windows
local op, known, bound, started = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local said, remaining = tonumber(ARGV[5]), tonumber(ARGV[6])
local ws = windows(7)
redis.call('ZADD', LOG, text(now), op)
keep(LOG, ws[#ws].per + 2 * bound)
load()
-- Of a request that took longer than it may, the log has too little left to tell.
if said <= 0 or now - started > bound or state.born ~= known or now < tonumber(state.gathers or '0') then
  return { 'OK' }
end

-- Which window is it that the server speaks of? One of ours, or the shortest
-- under a smaller plan.
local which
if said == tonumber(state.cap or '') then
  which = ws[1]
else
  for i = 1, #ws do
    which = ws[i].n == said and ws[i] or which
  end
  if which == ws[1] and state.cap then
    unset('cap')
  elseif not which and said < ws[1].n then
    set('cap', text(said))
    which = ws[1]
  end
end
if not which then
  return { 'OK' }
end

-- The server counted so many when this request arrived. Of ours it had at most all
-- that had not left the window when the request started, those in flight included;
-- and at least what was answered before it started, except at the old edge, where
-- some may have arrived long before they were answered. The rest is of others.
local counted = said - remaining
local least = counted - redis.call('ZCOUNT', LOG, '(' .. text(started - which.per), '+inf')
local most = counted - redis.call('ZCOUNT', LOG, text(now - which.per + SECOND), text(started))
local n = others(which, ws[1].per)
if least > n then
  -- There are others for certain, and more than we thought. It is safe to believe
  -- the most, which is near the least as soon as little of ours is in flight.
  set(which.name, text(most) .. ' ' .. text(now))
elseif n > 0 and least > 0 then
  set(which.name, text(math.min(n, most)) .. ' ' .. text(now))
elseif n > 0 and most < n then
  -- Nothing proves that there are any left, so they do not stand longer for it.
  set(which.name, text(math.max(most, 0)) .. string.match(state[which.name], ' .*$'))
end
return { 'OK' }
