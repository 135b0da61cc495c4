-- What the scripts of the budgets begin with.
-- KEYS open, wallet
--
-- The counters a reservation was charged to are known by the reservation alone,
-- so their keys are made here from the prefix of KEYS[1], whose hash tag they
-- share: they are on the same node of a cluster.
local prefix = string.sub(KEYS[1], 1, -5)
local ttl = { run = 100 * 86400000, day = 3 * 86400000, month = 70 * 86400000, open = 41 * 86400000, wallet = 100 * 86400000 }
local bad -- what a script answers instead where a key holds what is not ours

local function text(n)
  return string.format('%.0f', n)
end

local function corrupt(key, field)
  bad = { 'CORRUPT', key, field }
end

local function hash(key)
  local flat, h = redis.call('HGETALL', key), {}
  for i = 1, #flat, 2 do
    h[flat[i]] = flat[i + 1]
  end
  return h
end

local function store(kind, key, field, value)
  redis.call('HSET', key, field, value)
  redis.call('PEXPIRE', key, ttl[kind])
end

-- Numbers are kept as text: cjson writes 14 digits of a number, and 53 bits
-- need 16.
local function write(id, r)
  store('open', KEYS[1], id, cjson.encode({
    feed = r.feed, run = r.run, day = r.day, at = text(r.at), rows = text(r.rows), tight = r.tight,
    credits = text(r.credits), settled = text(r.settled), reason = r.reason,
  }))
end

-- Reads all reservations. One that is older than 40 days is dropped when a
-- script that writes says when it runs.
local function load(at)
  local open = {}
  for id, v in pairs(hash(KEYS[1])) do
    local ok, r = pcall(cjson.decode, v)
    if not ok or type(r) ~= 'table' or not (r.feed and r.run and r.day and r.tight and r.reason) then
      corrupt(KEYS[1], id)
      return open
    end
    for _, f in ipairs({ 'at', 'rows', 'credits', 'settled' }) do
      r[f] = tonumber(r[f])
      if not r[f] then
        corrupt(KEYS[1], id)
        return open
      end
    end
    if at and r.at < at - 40 * 86400000 then
      redis.call('HDEL', KEYS[1], id)
    else
      open[id] = r
    end
  end
  return open
end

-- What is reserved on day or after it, where clocks differ, by all and by one
-- run: older ones count no more.
local function reserved(open, day, feed, run)
  local all, ofRun = 0, 0
  for _, r in pairs(open) do
    if r.day >= day then
      all = all + r.credits
      if r.run == run and r.feed == feed then
        ofRun = ofRun + r.credits
      end
    end
  end
  return all, ofRun
end

-- Returns what all feeds together spent by a counter, and what one of them did.
local function spent(kind, name, feed)
  local key, sum, own = prefix .. kind .. ':' .. name, 0, 0
  for f, v in pairs(hash(key)) do
    local n = tonumber(v)
    if not n then
      corrupt(key, f)
      return 0, 0, key
    end
    sum = sum + n
    if f == feed then
      own = n
    end
  end
  return sum, own, key
end

local function purse()
  local w = redis.call('HMGET', KEYS[2], 'balance', 'at', 'settled')
  local wallet = { balance = tonumber(w[1] or ''), at = tonumber(w[2] or '0'), settled = tonumber(w[3] or '0') }
  if (w[1] and not wallet.balance) or not wallet.at or not wallet.settled then
    corrupt(KEYS[2], 'balance, at or settled')
  end
  return wallet
end

-- Moves a reservation to what was spent on its day, in its month and by its run.
local function charge(id, r, credits)
  local counters = { { 'day', r.day }, { 'month', string.sub(r.day, 1, 7) }, { 'run', r.run } }
  for _, c in ipairs(counters) do
    local _, own, key = spent(c[1], c[2], r.feed)
    c[3], c[4] = key, own
  end
  if bad then
    return
  end
  if credits > 0 then
    for _, c in ipairs(counters) do
      store(c[1], c[3], r.feed, text(c[4] + credits))
    end
  end
  redis.call('HDEL', KEYS[1], id)
end

-- Closes reservations, whose ids and costs begin at ARGV[from], and notes the
-- balance that the feed reported with the last of them; -1 where it did not.
local function settle(open, wallet, at, from, balance)
  local cost, since = 0, nil
  for i = from, #ARGV, 2 do
    local id, credits = ARGV[i], tonumber(ARGV[i + 1])
    local r = open[id]
    if r and not bad then
      charge(id, r, credits)
      open[id] = nil
      cost, since = cost + credits, math.min(since or r.settled, r.settled)
    end
  end
  -- What others settled since the first of these was reserved. Their answers
  -- may be newer than this one, so that it lacks at most what they cost.
  local others = math.max(wallet.settled - (since or 0), 0)
  local known, now = wallet.balance, balance
  if balance < 0 then
    now = known and math.max(known - cost, 0)
  elseif known and from <= #ARGV then
    -- The balance before, less the cost, and the report, less what it may lack:
    -- neither is more than there is, so that the higher one may be believed. A
    -- report that nothing can have overtaken is believed as it is.
    now = math.min(math.max(known - cost, 0), balance)
    if since then
      now = math.max(now, balance - others)
    end
  end
  if bad or (cost == 0 and balance < 0) then
    return
  end
  wallet.settled = wallet.settled + cost
  store('wallet', KEYS[2], 'settled', text(wallet.settled))
  if now then
    wallet.balance = now
    store('wallet', KEYS[2], 'balance', text(now))
  end
  if balance >= 0 then
    store('wallet', KEYS[2], 'at', text(at))
  end
end
