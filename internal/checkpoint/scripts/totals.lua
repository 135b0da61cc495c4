-- Sums up, for people. Changes nothing.
-- ARGV day, run
local day, run = ARGV[1], ARGV[2]
local all, wallet = reserved(load(), day), purse()
local ofRun = spent('run', run)
local ofDay = spent('day', day)
local ofMonth = spent('month', string.sub(day, 1, 7))
return bad or { 'OK', text(ofRun), text(ofDay), text(ofMonth), text(all), text(wallet.balance or -1), text(wallet.at or 0) }
