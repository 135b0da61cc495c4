-- Moves marks forward, never back.
-- KEYS marks   ARGV name and offset of each
local bad, which = 0, ''
for i = 1, #ARGV, 2 do
  local found = redis.pcall('HMGET', KEYS[1], ARGV[i])
  if found.err then
    if not string.find(found.err, 'WRONGTYPE', 1, true) then
      return found
    end
    redis.call('DEL', KEYS[1])
    bad, found = bad + 1, {}
  end
  -- 16 digits are below 2^54: what is above 2^53 was not written here, and
  -- would never be passed.
  local old = found[1] and #found[1] <= 16 and not string.find(found[1], '[^0-9]') and tonumber(found[1])
  if old and old >= 2 ^ 53 then
    old = nil
  end
  if found[1] and not old then
    bad, which = bad + 1, ARGV[i]
  end
  if not old or old < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return { string.format('%d', bad), KEYS[1], which }
