package valkeystore

// Each step of the protocol is one script on one key, which the server runs as
// one atomic step. A record is a hash whose fields have the names that the
// attributes of a DynamoDB record have. The field "steps" is the number of steps,
// and the fields of the first begin with "step0_"; a record without steps has none.
//
// The arguments begin with the owner; the scripts that can meet another record take
// the fingerprint next, and those that write a record its time to live, in
// milliseconds, and its expiration. Names and values of the fields that not every
// record has come last.
const (
	// look reads what is there.
	//
	// condition: ownership
	look = `
local stored = redis.call('HMGET', KEYS[1],
  'status', 'owner', 'validation', 'expiration', 'in_progress_expiration', 'data', 'data_encoding', 'claimed', 'steps')
local status, owner, validation, expiration, lease = unpack(stored, 1, 5)
local exists = status or redis.call('EXISTS', KEYS[1]) == 1
local own = status == 'INPROGRESS' and owner == ARGV[1]
local count = tonumber(stored[9] or 0)

-- A request for something else needs no data, and one that is refused no steps.
local function in_the_way()
  if validation ~= ARGV[2] then stored[6] = false end
  stored[9] = false
  return stored
end

local function steps()
  local all = {}
  for i = 0, count - 1 do
    local step = 'step' .. i
    all[i + 1] = redis.call('HMGET', KEYS[1], step .. '_name', step .. '_data', step .. '_data_encoding')
  end
  return all
end

-- Writes an unfinished record, whose lease is the fifth argument.
local function unfinished(first)
  redis.call('HSET', KEYS[1], 'status', 'INPROGRESS', 'owner', ARGV[1], 'validation', ARGV[2], 'expiration', ARGV[4],
    'in_progress_expiration', ARGV[5], unpack(ARGV, first))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end

-- Writes it over another. They have the same fields, but for the steps, which stay.
local function keep_steps(first)
  redis.call('HDEL', KEYS[1], 'status', 'claimed')
  unfinished(first)
end

-- The deletion comes first because a server whose memory is full refuses what
-- adds to it, unless the script has already written.
local function complete(first)
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'status', 'COMPLETED', 'owner', ARGV[1], 'validation', ARGV[2], 'expiration', ARGV[4], unpack(ARGV, first))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
`

	// claimScript: owner, fingerprint, time to live, expiration; lease, now, and the
	// owner and lease of the record to take over or two empty strings; fields. It
	// returns the steps alone if it has taken over.
	//
	// conditions: free-key, takeover, own-claim
	claimScript = look + `
if own and lease == ARGV[5] then return {steps()} end
local free = not exists or tonumber(expiration) <= tonumber(ARGV[6])
local observed = status == 'INPROGRESS' and owner == ARGV[7] and lease == ARGV[8]
if not (free or observed) then return in_the_way() end
if not exists then
  unfinished(9) -- a full server refuses this: nothing shall begin
  return {}
end
redis.call('HSET', KEYS[1], 'owner', ARGV[1]) -- and this
if free then
  redis.call('DEL', KEYS[1])
  unfinished(9)
  return {}
end
keep_steps(9)
return {steps()}
`

	// renewScript: owner, fingerprint, time to live, expiration; lease, and "end" if it
	// ends at once, or an empty string; fields.
	//
	// conditions: renewal-forward, ownership
	renewScript = look + `
if not own then return 0 end
if ARGV[6] == 'end' or tonumber(lease) <= tonumber(ARGV[5]) then keep_steps(7) end
return 1
`

	// stepScript: owner, the number of steps before this one; fields.
	//
	// condition: step-once
	stepScript = look + `
if not own then return 0 end
if count == tonumber(ARGV[2]) then
  redis.call('HDEL', KEYS[1], 'steps') -- see complete
  redis.call('HSET', KEYS[1], 'steps', count + 1, unpack(ARGV, 3))
end
return 1
`

	// completeScript: owner, fingerprint, time to live, expiration; fields.
	//
	// conditions: fencing, own-completion
	completeScript = look + `
if status == 'COMPLETED' and owner == ARGV[1] then return {} end
if exists and not own then return in_the_way() end
complete(5)
return {}
`

	// releaseScript: owner.
	//
	// condition: ownership
	releaseScript = look + `
if own then redis.call('DEL', KEYS[1]) end
return {}
`

	// settleScript: owner of the settled record, fingerprint, time to live, expiration;
	// owner and lease of the observed record; fields.
	//
	// condition: as-observed
	settleScript = look + `
if status == 'COMPLETED' and owner == ARGV[1] then return 1 end
if not (status == 'INPROGRESS' and owner == ARGV[5] and lease == ARGV[6]) then return 0 end
complete(7)
return 1
`

	// forgetScript: owner, status and lease of the observed record, which counts in
	// progress only.
	//
	// condition: as-observed
	forgetScript = look + `
if not exists then return 1 end
if owner ~= ARGV[1] or status ~= ARGV[2] or (status == 'INPROGRESS' and lease ~= ARGV[3]) then return 0 end
redis.call('DEL', KEYS[1])
return 1
`

	loadScript = look + `
if not exists then return {} end
if count > 0 then stored[9] = steps() end
return stored
`
)

// Scripts returns the scripts that [Eval] is asked to run, so that a client can
// hash each of them once and not at every call.
func Scripts() []string {
	return []string{
		claimScript, renewScript, stepScript, completeScript, releaseScript, settleScript, forgetScript, loadScript,
	}
}
