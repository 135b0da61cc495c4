-- Settles what is over, then reserves as many rows as every limit allows.
-- ARGV at in ms, day, id, feed, run, rows, price, limits (run, day, month, -1 is
-- none), what the feed's checkpoint knows as spent (run, day, month), lowest
-- balance, balance (-1 unknown), 1 if the feed reported it just now, then id and
-- cost of each purchase that is over
local at, day, id, feed, run = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local rows, price = tonumber(ARGV[6]), tonumber(ARGV[7])
local lowest, balance = tonumber(ARGV[14]), tonumber(ARGV[15])

local open, wallet = load(at), purse()
if bad then
  return bad
end
settle(open, wallet, at, 17, ARGV[16] == '1' and balance or -1)

-- A counter may have been lost with the server; what the checkpoint of this feed
-- knows was spent all the same.
local counters = { { 'run', run }, { 'day', day }, { 'month', string.sub(day, 1, 7) } }
for i, c in ipairs(counters) do
  local sum, own, key = spent(c[1], c[2], feed)
  local floor = tonumber(ARGV[10 + i])
  if floor > own and not bad then
    sum = sum + floor - own
    store(c[1], key, feed, text(floor))
  end
  c.sum = sum
end
if bad then
  return bad
end

local all, ofRun = reserved(open, day, feed, run)
local held, tight = open[id], ''
local function bound(name, left)
  local n = math.max(math.floor(left / price), 0)
  if n < rows then
    rows, tight = n, name
  end
end
if held then
  -- The reply to the first try was lost, and this is the second.
  rows, tight = held.rows, held.tight
elseif price > 0 then
  for i, c in ipairs(counters) do
    local limit = tonumber(ARGV[7 + i])
    if limit >= 0 then
      bound(c[1], limit - c.sum - (c[1] == 'run' and ofRun or all))
    end
  end
  local known = wallet.balance or (balance >= 0 and balance)
  if lowest > 0 and known then
    bound('balance', known - all - lowest)
  end
end
if not held and rows > 0 then
  local credits = rows * price
  write(id, {
    feed = feed, run = run, day = day, at = at, rows = rows, tight = tight,
    credits = credits, settled = wallet.settled, reason = '',
  })
  all, ofRun = all + credits, ofRun + credits
end
return {
  'OK', text(rows), tight, text(counters[1].sum + ofRun), text(counters[2].sum + all), text(counters[3].sum + all),
  text(wallet.balance or balance),
}
