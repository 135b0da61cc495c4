-- Closes reservations and notes the balance.
-- ARGV at in ms, balance (-1 unknown), then id and cost of each purchase
local at = tonumber(ARGV[1])
local open, wallet = load(at), purse()
if not bad then
  settle(open, wallet, at, 3, tonumber(ARGV[2]))
end
return bad or { 'OK' }
