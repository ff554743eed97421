-- Adds what a hub has to say, exactly once, with everything that has to happen in the same step.
-- ARGV: hub, sequence number, limit, length of a history, lines, data, and then the operations.
local hub, seq, limit, history = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])

if not is_registered(hub) then return 'FENCED' end
local last = tonumber(redis.call('HGET', STATE, 'seq:' .. hub) or 0)
if seq <= last then return 'DUP' end
-- Redis has forgotten what it had accepted. The hub cannot know what else is gone: it must register again.
if seq > last + 1 then remove(hub, 'gone') return 'GAP' end
-- Nothing is trimmed before all have read it, so that everybody waits for the slowest; not longer than for its lease.
local total = tonumber(redis.call('HGET', STATE, 'bytes') or 0)
if total - (slowest() or total) >= limit then return 'FULL' end

-- What can fail fails here, while nothing has been done: keys of another type, and a server out of memory.
redis.call('XLEN', LOG) redis.call('HLEN', NAMES) redis.call('HLEN', members(hub))
redis.call('SCARD', BANS) redis.call('SCARD', ROOMS)
redis.call('HSETNX', STATE, 'bytes', 0)

local at = 7
local function next_argument() at = at + 1 return ARGV[at - 1] end
local function next_list()
  local list = {}
  for i = 1, tonumber(next_argument()) do list[i] = next_argument() end
  return list
end

-- Takes names for a member, if none of them belongs to another one. A new member is there in any case.
local function claim()
  local member, release, take, record = next_argument(), next_list(), next_list(), next_argument()
  local otherwise = next_argument()
  if otherwise ~= '' and redis.call('HEXISTS', members(hub), member) == 1 then return true end
  local owner, own = hub .. ' ' .. member, forms(hub, member)
  for _, form in ipairs(take) do
    local other = redis.call('HGET', NAMES, form)
    if other and other ~= owner then
      if otherwise ~= '' then redis.call('HSET', members(hub), member, otherwise) end
      return false
    end
  end
  for _, form in ipairs(release) do
    if redis.call('SREM', own, form) == 1 then redis.call('HDEL', NAMES, form) end
  end
  for _, form in ipairs(take) do
    redis.call('HSET', NAMES, form, owner)
    redis.call('SADD', own, form)
  end
  redis.call('HSET', members(hub), member, record)
  return true
end

local refused, claims = {}, 0
while at <= #ARGV do
  local what = next_argument()
  if what == 'claim' then
    if not claim() then refused[#refused + 1] = claims end
    claims = claims + 1
  elseif what == 'record' then
    local member, record = next_argument(), next_argument()
    local known = redis.call('HGET', members(hub), member)
    -- Who was forgotten before does not come back. The name is what the last claim has left: its answer may be on the way.
    if known then
      redis.call('HSET', members(hub), member, known:match('^[^\n]*') .. (record:match('\n.*') or ''))
    end
  elseif what == 'forget' then
    local member = next_argument()
    free(hub, member)
    redis.call('HDEL', members(hub), member)
  elseif what == 'history' then
    local room = next_argument()
    local key = base .. 'room:' .. room
    redis.call('SADD', ROOMS, room)
    -- A history of another type is not kept, and stops nobody.
    for _, line in ipairs(next_list()) do redis.pcall('RPUSH', key, line) end
    redis.pcall('LTRIM', key, -history, -1)
    redis.call('EXPIRE', key, 86400)
  elseif what == 'ban' then
    redis.call('SADD', BANS, next_argument())
  end
end
add(hub, seq, tonumber(ARGV[5]), ARGV[6], table.concat(refused, ','))
redis.call('HSET', STATE, 'seq:' .. hub, seq)
return 'OK'
