-- A hub says twice a second that it lives and how far it has read. The same step removes hubs whose leases have run out, and
-- trims what all have read.
-- ARGV: hub, bytes read, id of the last entry read, length of a lease in ms; the name of the last loss of data that it has heard
-- of, and that of one that it has found (empty: none). Answers whether it is registered (2: it has left).
local hub = ARGV[1]
local registered = is_registered(hub)

if registered then
  -- A server out of memory refuses SET, and allows PEXPIRE, which does nothing for a lease that has run out.
  if redis.call('PEXPIRE', lease(hub), ARGV[4]) == 0 then redis.call('SET', lease(hub), '', 'PX', ARGV[4]) end
  redis.pcall('HSET', STATE, 'read:' .. hub, ARGV[2], 'at:' .. hub, ARGV[3])
end
-- Nobody has read for a while: Redis itself was away, or stopped. Whoever comes back first must not find all others dead.
local was_away = redis.call('PEXPIRE', AWAKE, 3000) == 0
if was_away then redis.pcall('SET', AWAKE, '', 'PX', 3000) end
for _, other in ipairs(redis.call('HKEYS', HUBS)) do
  if was_away then
    redis.pcall('SET', lease(other), '', 'PX', ARGV[4])
  elseif redis.call('EXISTS', lease(other)) == 0 then
    remove(other, 'gone')
  end
end
local _, id = slowest()
if id then redis.call('XTRIM', LOG, 'MINID', '~', id) end

-- All hubs hear of a loss, also those that cannot find it. Two that have found the same one give it one name.
if ARGV[6] ~= '' and ARGV[5] == (redis.call('HGET', STATE, 'lost') or '') then
  redis.pcall('HSET', STATE, 'lost', ARGV[6])
end

local last = redis.call('HMGET', STATE, 'id', 'lines', 'bytes', 'lost')
local gone = not registered and redis.call('GET', base .. 'gone:' .. hub)
return {registered and 1 or gone == 'left' and 2 or 0, redis.call('GET', base .. 'epoch') or '',
  last[1] or '0-0', last[2] or '0', last[3] or '0', last[4] or ''}
