-- Takes the lease, or tells who has it.
-- KEYS lease, fence   ARGV owner, ttl in ms, floor
--
-- The owner is a nonce: a call whose reply was lost and that is sent again
-- finds itself as the holder and gets the token that it was given already.
local c = redis.call('GET', KEYS[1])
if c then
  local o, t = string.match(c, '^([^|]+)|(%d+)$')
  if o == ARGV[1] then
    redis.call('PEXPIRE', KEYS[1], ARGV[2])
    return {'HELD', t}
  end
  return {'BUSY', t or '0', tostring(redis.call('PTTL', KEYS[1])), o or c}
end
-- The floor keeps tokens growing where the counter was lost or rolled back.
local t = redis.call('INCR', KEYS[2])
local f = tonumber(ARGV[3])
if t <= f then
  t = f + 1
  redis.call('SET', KEYS[2], string.format('%.0f', t))
end
local token = string.format('%.0f', t)
redis.call('SET', KEYS[1], ARGV[1] .. '|' .. token, 'PX', ARGV[2])
return {'HELD', token}
