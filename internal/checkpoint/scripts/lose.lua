-- Notes that what a reservation bought cannot be published, and what it cost.
-- ARGV id, reason, credits
local open = load()
local r = open[ARGV[1]]
if r and not bad then
  r.reason, r.credits = ARGV[2], tonumber(ARGV[3])
  write(ARGV[1], r)
end
return bad or { 'OK' }
