-- Gives up a place in the queue.
-- ARGV owner
redis.call('ZREM', QUEUE, ARGV[1])
redis.call('ZREM', WAITING, ARGV[1])
return { 'OK' }
