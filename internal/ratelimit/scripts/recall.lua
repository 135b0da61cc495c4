-- Adds what a replica started while it could not say so, or what was lost here.
-- ARGV how long to keep the log in us, then op and age in us of each request, an
-- age below zero for one that is still in flight
for i = 2, #ARGV, 2 do
  local at = now - tonumber(ARGV[i + 1])
  local found = redis.call('ZSCORE', LOG, ARGV[i])
  -- The earlier time is as true, and it is the later one that may be of a request
  -- whose answer has come meanwhile.
  if not found or at < tonumber(found) then
    redis.call('ZADD', LOG, text(at), ARGV[i])
  end
end
keep(LOG, tonumber(ARGV[1]))
return { 'OK' }
