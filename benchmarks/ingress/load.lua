-- Signed requests from a file, one after the other: eight digits of length, then the bytes as they go over the wire.
-- Arguments: the file, and how many of its requests to leave out.

local file

local function following()
  local size = file:read(8)
  if size == nil then
    file:seek("set", 0)
    size = file:read(8)
  end
  return file:read(tonumber(size))
end

function init(args)
  file = assert(io.open(args[1], "rb"))
  for _ = 1, tonumber(args[2] or "0") do
    following()
  end
end

function request()
  return following()
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '{"requests":%d,"seconds":%.3f,"refused":%d,"sockets":%d,"timeouts":%d,"p50":%.2f,"p99":%.2f,"p99.9":%.2f,"max":%.2f}\n',
    summary.requests, summary.duration / 1e6, errors.status, errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency:percentile(99.9) / 1000, latency.max / 1000
  ))
end
