-- wrk: durable changes of one setting, each to another value, and the latencies that `done` prints.
-- Arguments: the path with its query, the content type, the bearer token or "-".
local number = 0
local path, headers

function init(arguments)
    path = arguments[1]
    headers = { ["Content-Type"] = arguments[2], ["If-Match"] = "*" }
    if arguments[3] ~= "-" then headers["Authorization"] = "Bearer " .. arguments[3] end
end

function request()
    number = number + 1
    return wrk.format("PATCH", path, headers, string.format('{"ef_search": %d}', 64 + number % 400))
end

function done(summary, latency)
    print(string.format("RESULT %.0f %.2f %.2f %.2f %d", summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000, summary.errors.status))
end
