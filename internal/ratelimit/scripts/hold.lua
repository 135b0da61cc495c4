-- Holds every replica back.
-- ARGV for how long in us, how long the state is kept besides in us
load()
hold(tonumber(ARGV[1]))
if redis.call('PTTL', STATE) < (held() + tonumber(ARGV[2])) / 1000 then
  keep(STATE, held() + tonumber(ARGV[2]))
end
return { 'OK' }
