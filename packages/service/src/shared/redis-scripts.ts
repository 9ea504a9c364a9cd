// Changes of rows in Redis. A script runs alone and whole: what it writes becomes durable and visible together. Rows are hashes
// whose fields are those of rows.ts, but for those that are null; sorted sets list their ids, by when they came:
//   cf:owner:<id>    cf:owners (by time), cf:names and cf:tokens (to ids)
//   cf:keyset:<id>   cf:keysets-of:<owner>, cf:keysets-in:<state> (by time)
//   cf:job:<id>      cf:jobs-of:<owner>, cf:jobs-with:<keyset>, cf:jobs-in:<state> (by place; cf:place counts)
//   cf:parts:<owner> (to bytes), cf:part-bytes (sums, by owner)
//   cf:spent:<owner> (by day)    cf:programs (JSON, by digest)
// Keys are made from arguments: one server, no cluster. A script that is given a lock and who has it changes nothing where that
// one has it no more.

/** What a script answers then. */
export const lostTurn = 'LOSTTURN';

const functions = `
local call = redis.call
if KEYS[1] and call('GET', KEYS[1]) ~= KEYS[2] then return redis.error_reply('${lostTurn} another one has it') end
local function write(key, from)
  local fields = {}
  for i = from, #ARGV do fields[#fields + 1] = ARGV[i] end
  call('HSET', key, unpack(fields))
end
local function spend(owner, day, seconds)
  local key = 'cf:spent:' .. owner
  for _, other in ipairs(call('HKEYS', key)) do
    if other < day then call('HDEL', key, other) end
  end
  local now = tonumber(call('HGET', key, day) or '0') + tonumber(seconds)
  call('HSET', key, day, string.format('%.17g', math.max(0, now)))
end
local function move(kind, id, from, to)
  if from == to then return end
  local score = call('ZSCORE', 'cf:' .. kind .. 's-in:' .. from, id)
  call('ZREM', 'cf:' .. kind .. 's-in:' .. from, id)
  call('ZADD', 'cf:' .. kind .. 's-in:' .. to, score, id)
end
local function removeJob(id)
  local row = call('HMGET', 'cf:job:' .. id, 'owner', 'keyset', 'state')
  if not row[1] then return end
  call('ZREM', 'cf:jobs-of:' .. row[1], id)
  call('ZREM', 'cf:jobs-with:' .. row[2], id)
  call('ZREM', 'cf:jobs-in:' .. row[3], id)
  call('DEL', 'cf:job:' .. id)
end
`;

const bodies = {
  /** id, name or '', token or '', created, fields */
  addOwner: `
local id, name, token = ARGV[1], ARGV[2], ARGV[3]
if call('EXISTS', 'cf:owner:' .. id) == 1 then return 0 end
if name ~= '' and call('HEXISTS', 'cf:names', name) == 1 then return 0 end
if token ~= '' and call('HEXISTS', 'cf:tokens', token) == 1 then return 0 end
write('cf:owner:' .. id, 5)
call('ZADD', 'cf:owners', ARGV[4], id)
if name ~= '' then call('HSET', 'cf:names', name, id) end
if token ~= '' then call('HSET', 'cf:tokens', token, id) end
return 1`,
  /** name, '1' to remove what is theirs */
  revoke: `
local id = call('HGET', 'cf:names', ARGV[1])
if not id then return 0 end
local token = call('HGET', 'cf:owner:' .. id, 'token')
if token then call('HDEL', 'cf:tokens', token) end
call('HDEL', 'cf:names', ARGV[1])
call('HDEL', 'cf:owner:' .. id, 'token', 'name')
if ARGV[2] ~= '1' then return 1 end
for _, keyset in ipairs(call('ZRANGE', 'cf:keysets-of:' .. id, 0, -1)) do call('HSET', 'cf:keyset:' .. keyset, 'expires', 0) end
for _, job in ipairs(call('ZRANGE', 'cf:jobs-of:' .. id, 0, -1)) do
  local key = 'cf:job:' .. job
  local state = call('HGET', key, 'state')
  if state == 'queued' then
    move('job', job, state, 'cancelled')
    call('HSET', key, 'state', 'cancelled', 'finished', 0)
    call('HINCRBY', key, 'event', 1)
  elseif state ~= 'running' then
    call('HSET', key, 'finished', 0)
  end
end
return 1`,
  /** id */
  removeOwner: `
local id = ARGV[1]
call('DEL', 'cf:spent:' .. id)
if call('EXISTS', 'cf:owner:' .. id, 'cf:keysets-of:' .. id, 'cf:parts:' .. id, 'cf:jobs-of:' .. id) ~= 1 then return 0 end
local row = call('HMGET', 'cf:owner:' .. id, 'name', 'token')
if row[1] then call('HDEL', 'cf:names', row[1]) end
if row[2] then call('HDEL', 'cf:tokens', row[2]) end
call('ZREM', 'cf:owners', id)
call('HDEL', 'cf:part-bytes', id)
return call('DEL', 'cf:owner:' .. id)`,
  /** id, owner, state, created, fields */
  addKeyset: `
local id = ARGV[1]
if call('EXISTS', 'cf:keyset:' .. id) == 1 then return 0 end
write('cf:keyset:' .. id, 5)
call('ZADD', 'cf:keysets-of:' .. ARGV[2], ARGV[4], id)
call('ZADD', 'cf:keysets-in:' .. ARGV[3], ARGV[4], id)
return 1`,
  /** id */
  removeKeyset: `
local id = ARGV[1]
local row = call('HMGET', 'cf:keyset:' .. id, 'owner', 'state')
if not row[1] then return end
call('ZREM', 'cf:keysets-of:' .. row[1], id)
call('ZREM', 'cf:keysets-in:' .. row[2], id)
call('DEL', 'cf:keyset:' .. id)`,
  /** 'job' or 'keyset', id, the try that it is for or '', how many states, those, how many fields are set, those with values, fields that become null */
  change: `
local kind, id, claim, states = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local key = 'cf:' .. kind .. ':' .. id
if claim ~= '' and call('HGET', key, 'claim') ~= claim then return {} end
local state = call('HGET', key, 'state')
local isOne = false
for i = 5, 4 + states do isOne = isOne or ARGV[i] == state end
if not isOne then return {} end
local at = 5 + states
local sets = tonumber(ARGV[at])
for i = 0, sets - 1 do call('HSET', key, ARGV[at + 1 + 2 * i], ARGV[at + 2 + 2 * i]) end
for i = at + 1 + 2 * sets, #ARGV do call('HDEL', key, ARGV[i]) end
if kind == 'job' then call('HINCRBY', key, 'event', 1) end
move(kind, id, state, call('HGET', key, 'state'))
return call('HGETALL', key)`,
  /** owner, digest, bytes */
  addPart: `
if call('HSETNX', 'cf:parts:' .. ARGV[1], ARGV[2], ARGV[3]) == 1 then call('HINCRBY', 'cf:part-bytes', ARGV[1], ARGV[3]) end`,
  /** owner, digests */
  removeParts: `
for i = 2, #ARGV do
  local bytes = call('HGET', 'cf:parts:' .. ARGV[1], ARGV[i])
  if bytes then
    call('HDEL', 'cf:parts:' .. ARGV[1], ARGV[i])
    call('HINCRBY', 'cf:part-bytes', ARGV[1], -tonumber(bytes))
  end
end`,
  /** id, owner, key set, state, day, seconds, fields */
  addJob: `
local id = ARGV[1]
removeJob(id)
local place = call('INCR', 'cf:place')
write('cf:job:' .. id, 7)
for _, set in ipairs({'of:' .. ARGV[2], 'with:' .. ARGV[3], 'in:' .. ARGV[4]}) do call('ZADD', 'cf:jobs-' .. set, place, id) end
spend(ARGV[2], ARGV[5], ARGV[6])`,
  /** id */
  removeJob: `
removeJob(ARGV[1])`,
  /** owner, day, seconds */
  spend: `
spend(ARGV[1], ARGV[2], ARGV[3])`,
  /** key of a lock, who has it, milliseconds: whether it is still theirs */
  renew: `
if call('GET', ARGV[1]) ~= ARGV[2] then return 0 end
return call('PEXPIRE', ARGV[1], ARGV[3])`,
  /** key of a lock, who has it: whether it was still theirs */
  release: `
if call('GET', ARGV[1]) ~= ARGV[2] then return 0 end
return call('DEL', ARGV[1])`,
} as const;

export type ScriptName = keyof typeof bodies;
export const scripts = Object.fromEntries(
  Object.entries(bodies).map(([name, body]) => [name, functions + body]),
) as Readonly<Record<ScriptName, string>>;
