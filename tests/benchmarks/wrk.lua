-- wrk … <address> -- <path>                      GET that path
-- wrk … <address> -- <path> <first id> <last id>  GET that path with a random id of those in place of "%d"
-- with BENCH_BODY and BENCH_TOKEN in the environment: POST that body, as JSON, with that token
local paths = {}
local number = 0

function setup(thread)
  number = number + 1
  thread:set("seed", number)
end

function init(args)
  local path, first, last = args[1], tonumber(args[2]), tonumber(args[3])
  local body, token = os.getenv("BENCH_BODY"), os.getenv("BENCH_TOKEN")
  if body then
    local headers = { ["Content-Type"] = "application/json", ["Authorization"] = "Bearer " .. token }
    paths[1] = wrk.format("POST", path, headers, body)
  elseif first then
    math.randomseed(seed)
    for place = 1, 10000 do
      paths[place] = wrk.format("GET", string.format(path, math.random(first, last)))
    end
  else
    paths[1] = wrk.format("GET", path)
  end
end

local place = 0

function request()
  place = place % #paths + 1
  return paths[place]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format("\nresult %d %d %d %d %d\n", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(99)))
end
