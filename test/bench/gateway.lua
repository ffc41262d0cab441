-- What wrk posts: as many alerts as ALERTS says, every one of them new, as
-- Prometheus writes them. The bodies are made of one template, so that making
-- them costs the load generator little.
local n = tonumber(os.getenv("ALERTS") or "1")
local token = os.getenv("TOKEN")
local start = os.time() % 100000
local serial = 0
local alert = '{"labels":{"alertname":"HighLatency","asset":"db.schema.table_%d","instance":"%d-%d:9100","job":"node","severity":"warning"},'
  .. '"annotations":{"summary":"latency of table %d is high"},"startsAt":"%s","generatorURL":"http://prometheus.example.com/graph?g0.expr=up"}'
local at = os.date("!%Y-%m-%dT%H:%M:%SZ")

local head = "POST /api/v2/alerts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
if token then head = head .. "Authorization: Bearer " .. token .. "\r\n" end

function request()
  local parts = {}
  for i = 1, n do
    serial = serial + 1
    parts[i] = alert:format(serial % 10000, start, serial, serial % 10000, at)
  end
  local body = "[" .. table.concat(parts, ",") .. "]"
  return head .. "Content-Length: " .. #body .. "\r\n\r\n" .. body
end
