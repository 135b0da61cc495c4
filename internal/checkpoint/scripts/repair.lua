-- Replaces whatever is there, for the holder of the lease alone.
-- KEYS lease, checkpoint   ARGV owner|token, then nothing (no copy), or what put.lua takes
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[2])
if #ARGV > 1 then
  redis.call('HSET', KEYS[2], 'fence', ARGV[2], 'seq', ARGV[3], 'op', ARGV[4], 'state', ARGV[5],
    'cursor', ARGV[6], 'watermark', ARGV[7], 'run_id', ARGV[8], 'updated_at', ARGV[9])
end
return 1
