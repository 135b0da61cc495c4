-- Moves the copy forward, never back.
-- KEYS checkpoint   ARGV fence, seq, op, state, cursor, watermark, run_id, updated_at
local h = redis.call('HMGET', KEYS[1], 'fence', 'seq', 'op')
local f, s = tonumber(h[1] or '0'), tonumber(h[2] or '0')
if not f or not s then
  return {'CORRUPT', h[1] or '', h[2] or '', h[3] or ''}
end
-- The reply to the first try was lost, and this is the second.
if h[3] == ARGV[3] then
  return {'OK', h[1] or '0', h[2] or '0', h[3]}
end
if tonumber(ARGV[1]) < f then
  return {'FENCED', h[1] or '0', h[2] or '0', h[3] or ''}
end
if tonumber(ARGV[2]) <= s then
  return {'STALE', h[1] or '0', h[2] or '0', h[3] or ''}
end
redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'seq', ARGV[2], 'op', ARGV[3], 'state', ARGV[4],
  'cursor', ARGV[5], 'watermark', ARGV[6], 'run_id', ARGV[7], 'updated_at', ARGV[8])
return {'OK', ARGV[1], ARGV[2], ARGV[3]}
