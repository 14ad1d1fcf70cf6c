-- Requests in turn, every answer looked into: 200, whole JSON, and every entry of one build.
local paths, at = {}, 0
wrong = 0  -- global: `done` asks each thread for it
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  for _, path in ipairs(args) do table.insert(paths, path) end
  wrong = 0
end

function request()
  at = at % #paths + 1
  return wrk.format("GET", paths[at])
end

function response(status, headers, body)
  local whole = status == 200 and body:sub(1, 1) == "{" and body:sub(-1) == "}"
  local build = nil
  for found in body:gmatch("made by build (%d+)") do
    build = build or found
    if found ~= build then whole = false end
  end
  if not whole then
    wrong = wrong + 1
    if wrong < 4 then io.stderr:write("wrong: ", status, " ", body:sub(1, 200), "\n") end
  end
end

function done(summary, latency, requests)
  local total = 0
  for _, thread in ipairs(threads) do total = total + thread:get("wrong") end
  local errors = summary.errors
  io.write(string.format(
    "RESULT %d %d %d %d %.2f %.2f\n", summary.requests, total,
    errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(95) / 1000))
end
