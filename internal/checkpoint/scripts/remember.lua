-- Remembers what was fetched. What is newer wins, in whatever order it comes.
-- KEYS the bucket of each entry
-- ARGV a Missing of this time or before is forgotten, the last possible version,
-- then id and entry of each, where an entry of 12 bytes is the newest version alone
--
-- The rules are those of packed and merge in Go. Texts are compared byte by
-- byte: < goes by the locale of the server.
local function less(a, b)
  for i = 1, #a do
    local x, y = string.byte(a, i), string.byte(b, i)
    if x ~= y then
      return x < y
    end
  end
  return false
end

local function number(s, width)
  return #s == width and not string.find(s, '[^%-0-9A-Z_a-z]')
end

local function version(s)
  return number(s, 12) and not less(ARGV[2], s)
end

-- Returns nothing for what these scripts did not write.
local function parse(s)
  local e = { version = string.sub(s, 1, 12), at = string.sub(s, 13, 20), outcome = string.sub(s, 21, 21) }
  e.newest, e.etag = string.match(string.sub(s, 22), '^([^ ]*)(.*)$')
  if e.newest == '' then
    e.newest = e.version
  end
  if version(e.version) and number(e.at, 8) and string.find(e.outcome, '[pmd]') and version(e.newest) then
    return e
  end
end

local function text(e)
  return e.version .. e.at .. e.outcome .. (e.newest == e.version and '' or e.newest) .. e.etag
end

local bad, where, which = 0, '', ''
for i = 1, #KEYS do
  local id, new = ARGV[2 * i + 1], ARGV[2 * i + 2]
  local found = redis.pcall('HMGET', KEYS[i], id)
  if found.err then
    if not string.find(found.err, 'WRONGTYPE', 1, true) then
      return found
    end
    redis.call('DEL', KEYS[i])
    bad, where, which, found = bad + 1, KEYS[i], '', {}
  end
  local old = found[1] and parse(found[1])
  if found[1] and not old then
    bad, where, which = bad + 1, KEYS[i], id
  elseif old and old.outcome == 'm' and not less(ARGV[1], old.at) then
    old = nil
  end
  if not old then
    if #new > 12 then
      redis.call('HSET', KEYS[i], id, new)
    end
  elseif found[1] ~= new then
    local entry = #new > 12 and parse(new)
    local stays, newest = old, entry and entry.newest or new
    if entry and less(old.version .. old.at, entry.version .. entry.at) then
      stays = entry
    end
    stays.newest = less(newest, old.newest) and old.newest or newest
    local value = text(stays)
    if value ~= found[1] then
      redis.call('HSET', KEYS[i], id, value)
    end
  end
end
return { string.format('%d', bad), where, which }
