-- Says how things are, for people. Changes nothing.
-- ARGV the windows
load()
local ws = windows(1)
local out = {
  text(held()),
  text(redis.call('ZCOUNT', REPLICAS, text(now - 600 * SECOND), '+inf')),
  text(redis.call('ZCOUNT', WAITING, text(now - 3 * SECOND), '+inf')),
}
for i, w in ipairs(ws) do
  out[#out + 1] = text(redis.call('ZCOUNT', LOG, '(' .. text(now - w.per), '+inf'))
  out[#out + 1] = text(others(w, ws[1].per))
  out[#out + 1] = text(limit(ws, i))
end
return out
