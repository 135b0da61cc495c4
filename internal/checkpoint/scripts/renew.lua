-- Lets the lease run for its whole time again, if it is still this holder's.
-- KEYS lease   ARGV owner|token, ttl in ms
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 0
