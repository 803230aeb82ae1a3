-- wrk: one GET again and again. Arguments: the bearer token or "-".
local headers = {}

function init(arguments)
    if arguments[1] ~= "-" then headers["Authorization"] = "Bearer " .. arguments[1] end
end

function request() return wrk.format("GET", nil, headers) end

function done(summary, latency)
    print(string.format("RESULT %.0f %.2f %.2f %.2f %d", summary.requests / summary.duration * 1e6,
        latency:percentile(50) / 1000, latency:percentile(95) / 1000, latency:percentile(99) / 1000, summary.errors.status))
end
