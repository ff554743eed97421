-- What all scripts begin with. A script is one step: nothing else happens in Redis meanwhile. All keys begin alike, and the
-- braces of the name keep them together in a cluster.
local LOG = KEYS[1]
local base = LOG:sub(1, -4) -- without 'log'
local STATE, HUBS, NAMES, ROOMS, BANS = base .. 'state', base .. 'hubs', base .. 'names', base .. 'rooms', base .. 'bans'
local AWAKE = base .. 'awake' -- there while any hub reads

local function lease(hub) return base .. 'hub:' .. hub end
local function members(hub) return base .. 'members:' .. hub end
local function forms(hub, member) return base .. 'forms:' .. hub .. ':' .. member end
local function is_registered(hub) return redis.call('HEXISTS', HUBS, hub) == 1 end

-- Adds an entry to the log. It names the one before it (p) and how many lines came before (g), so that a reader notices what
-- is missing; b is how many bytes the log has had with it. Everything is computed first: a script that fails in the middle
-- would leave half of it.
local function add(hub, seq, lines, data, refused)
  local last = redis.call('HMGET', STATE, 'id', 'lines', 'bytes')
  local before = tonumber(last[2] or 0)
  local after, bytes = before + lines, tonumber(last[3] or 0) + #data + #refused + 256
  local id = redis.call('XADD', LOG, '*', 'h', hub, 's', seq, 'n', lines, 'p', last[1] or '0-0', 'g', before,
    'b', bytes, 'd', data, 'r', refused)
  redis.call('HSET', STATE, 'id', id, 'lines', after, 'bytes', bytes)
end

-- Frees the names of a member.
local function free(hub, member)
  local key = forms(hub, member)
  for _, form in ipairs(redis.call('SMEMBERS', key)) do redis.call('HDEL', NAMES, form) end
  redis.call('DEL', key)
end

-- Removes a hub and its members, and says so in the log: `how` is 'gone' or 'left'. The entry comes first, because a server
-- out of memory refuses it, and allows the rest.
local function remove(hub, how)
  local seq = redis.call('HGET', STATE, 'seq:' .. hub) or 0
  add(hub, how, 0, '', '')
  -- Whoever was only paused goes on with its numbers, and whoever left does not come back.
  redis.call('SET', base .. 'gone:' .. hub, how == 'left' and how or seq, 'EX', 86400)
  for _, member in ipairs(redis.call('HKEYS', members(hub))) do free(hub, member) end
  redis.call('DEL', members(hub), lease(hub))
  redis.call('HDEL', HUBS, hub)
  redis.call('HDEL', STATE, 'seq:' .. hub, 'read:' .. hub, 'at:' .. hub)
end

-- How far the slowest hub has read: bytes, and the id of an entry.
local function slowest()
  local bytes, id
  for _, hub in ipairs(redis.call('HKEYS', HUBS)) do
    local read = redis.call('HMGET', STATE, 'read:' .. hub, 'at:' .. hub)
    local own = tonumber(read[1] or 0) or 0
    if not bytes or own < bytes then bytes, id = own, read[2] or '0-0' end
  end
  return bytes, id
end
