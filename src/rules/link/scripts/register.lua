-- A hub joins: the state of the chat and the position in the log belong to the same moment.
-- ARGV: hub, the id it had before (or the same: it starts), its last sequence number that was shown, an epoch if
-- there is none, bytes read, id of the last entry read (empty: the end), length of a lease in ms, how many numbers for names,
-- how many bytes of histories at most, and the name of the hub.
local hub, old = ARGV[1], ARGV[2]

-- Another hub had this id.
if old == hub and redis.call('EXISTS', base .. 'gone:' .. hub) == 1 then return 'FENCED' end

-- The first write is one that a server out of memory refuses.
redis.call('HSETNX', STATE, 'bytes', 0)
redis.call('SET', base .. 'epoch', ARGV[4], 'NX')
local accepted, has_lost = tonumber(ARGV[3]), 0
if old ~= hub then
  local seq = redis.call('HGET', STATE, 'seq:' .. old) or redis.call('GET', base .. 'gone:' .. old) or 0
  -- What this hub has read of its own was in the log, and is not known here any more.
  if seq ~= 'left' and (tonumber(seq) or 0) < accepted then has_lost = 1 end
  accepted = math.max(accepted, tonumber(seq) or 0)
end
-- Nothing is left of what it was before, also if the server has lost that it was removed. 24 digits are those of its start.
for _, other in ipairs(redis.call('HKEYS', HUBS)) do
  if other ~= hub and other:sub(1, 24) == hub:sub(1, 24) then remove(other, 'gone') end
end
local last = redis.call('HMGET', STATE, 'id', 'lines', 'bytes')
local id, bytes = last[1] or '0-0', last[3] or '0'
if not is_registered(hub) then
  redis.call('HSET', HUBS, hub, ARGV[10])
  redis.call('HSET', STATE, 'seq:' .. hub, accepted)
end
if ARGV[6] == '' then
  redis.call('HSET', STATE, 'read:' .. hub, bytes, 'at:' .. hub, id)
else
  redis.call('HSET', STATE, 'read:' .. hub, ARGV[5], 'at:' .. hub, ARGV[6])
end
redis.call('SET', lease(hub), '', 'PX', ARGV[7])
redis.call('SET', AWAKE, '', 'PX', 3000, 'NX')

local hubs = {}
for _, other in ipairs(redis.call('HKEYS', HUBS)) do
  hubs[#hubs + 1] = {other, redis.call('HGET', HUBS, other), redis.call('HGETALL', members(other))}
end
local rooms, budget = {}, tonumber(ARGV[9])
for _, room in ipairs(redis.call('SMEMBERS', ROOMS)) do
  local key = base .. 'room:' .. room
  local lines = redis.pcall('LRANGE', key, 0, -1)
  if lines.err then lines = {} end
  if #lines == 0 then
    redis.call('SREM', ROOMS, room)
  else
    for _, line in ipairs(lines) do budget = budget - #line end
    if budget >= 0 then rooms[#rooms + 1] = {room, lines} end
  end
end
return {redis.call('GET', base .. 'epoch'), id, last[2] or '0', bytes, redis.call('HGET', STATE, 'seq:' .. hub),
  redis.call('HINCRBY', STATE, 'numbers', ARGV[8]), hubs, rooms, redis.call('SMEMBERS', BANS), has_lost,
  redis.call('HGET', STATE, 'lost') or ''}
