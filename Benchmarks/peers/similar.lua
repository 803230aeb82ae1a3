-- wrk: a body after another out of a file, one a line. Arguments: the path, the file, the bearer token or "-".
local requests, next_one = {}, 0

function init(arguments)
    local headers = { ["Content-Type"] = "application/json" }
    if arguments[3] ~= "-" then headers["Authorization"] = "Bearer " .. arguments[3] end
    for line in io.lines(arguments[2]) do
        requests[#requests + 1] = wrk.format("POST", arguments[1], headers, line)
    end
end

function request()
    next_one = next_one % #requests + 1
    return requests[next_one]
end

function done(summary, latency)
    print(string.format("RESULT %.0f %.3f %.3f %.3f %d", summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000,
        summary.errors.status + summary.errors.timeout + summary.errors.connect + summary.errors.read))
end
